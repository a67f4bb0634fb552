/** What `server.api` is given, checked: wrong arguments are told where they were passed, and stored nowhere. */
import { type ChannelLimits, isChannel, isMeta } from "../bayeux/index.ts";
import { jsonProblem } from "../json.ts";
import { isRoomName } from "../rooms/names.ts";
import { lineOf } from "./lines.ts";

/** @throws {TypeError} when it is no name of a room */
export const checkRoom = (room: unknown): void => {
  if (!isRoomName(room)) throw wrong("room", "a text of 1 to 255 bytes", room);
};

/** @throws {TypeError} when it is neither a text nor left out */
export const checkText = (name: string, text: unknown): void => {
  if (text !== undefined && text !== null && typeof text !== "string") throw wrong(name, "a text", text);
};

/** @throws {TypeError} when nothing can be read as so many */
export const checkLimit = (limit: unknown): void => {
  if (!(typeof limit === "number" && limit >= 1)) throw wrong("limit", "a number of at least 1", limit);
};

/** @throws {TypeError} when it is no object, or JSON cannot carry it */
export const checkMessage = (message: unknown): void => {
  if (typeof message !== "object" || message === null || Array.isArray(message))
    throw wrong("message", "an object", message);
  checkCarried("message", message);
};

/** @throws {TypeError} when JSON cannot carry it, or makes nothing of it */
export const checkCarried = (name: string, value: unknown): void => {
  if (value === undefined) throw wrong(name, "something JSON can carry", value);
  const problem = jsonProblem(value, name);
  if (problem) throw new TypeError(`${name} must be something JSON can carry, but ${problem}`);
};

/** @throws {TypeError} when the server cannot publish there */
export const checkChannel = (channel: unknown, limits: ChannelLimits): void => {
  if (typeof channel !== "string" || !isChannel(channel, limits) || isMeta(channel))
    throw wrong("channel", 'a plain channel such as "/news", no pattern and not below /meta', channel);
  if (lineOf(channel) !== undefined)
    throw wrong("channel", "a plain channel (connections.send speaks to a connection)", channel);
};

const wrong = (name: string, expected: string, got: unknown): TypeError =>
  new TypeError(`${name} must be ${expected}, got ${shown(got)}`);

const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 79)}…` : value);
  if (value === null || typeof value === "number") return String(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "undefined" ? "nothing" : typeof value;
};
