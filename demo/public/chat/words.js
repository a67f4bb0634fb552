/** What is said is a text. People on this page send `{ name, text }` as JSON in it; whatever else comes is shown as it is. */
export const encode = (name, text) => JSON.stringify({ name, text });

const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value));

export function decode(message) {
  if (typeof message === "string") {
    try {
      const parsed = JSON.parse(message);
      if (parsed !== null && typeof parsed === "object" && typeof parsed.text === "string") {
        return { name: cleanName(parsed.name), text: parsed.text };
      }
    } catch {
      // somebody else's client: a plain text
    }
  }
  return { name: null, text: asText(message) };
}

/** A name fit to be shown, or null. */
export function cleanName(name) {
  if (typeof name !== "string") return null;
  const cleaned = name.replace(/\s+/g, " ").trim().slice(0, 40);
  return cleaned === "" ? null : cleaned;
}

const ANNOUNCEMENTS = new Map([
  ["I have entered the room", "entered"],
  ["I have left the room", "left"],
]);

/** `entered`, `left`, or null for what somebody said. */
export const announcement = (message) => ANNOUNCEMENTS.get(message) ?? null;

export const initials = (name) =>
  name
    .split(/\s+/)
    .map((word) => [...word][0] ?? "")
    .filter((letter) => letter !== "")
    .slice(0, 2)
    .join("")
    .toUpperCase();

export const guestName = (id) => `Guest ${String(id).slice(0, 4)}`;

const CALM = ["Quiet", "Amber", "Early", "Gentle", "Brisk", "Clever", "Mellow", "Sunny", "Silver", "Steady"];
const BIRDS = ["Heron", "Wren", "Lark", "Plover", "Swift", "Finch", "Kestrel", "Robin", "Avocet", "Martin"];
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** A name to begin with. */
export const suggestName = () => `${pick(CALM)} ${pick(BIRDS)}`;

const hours = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
export const clock = (at) => hours.format(at);

export const counted = (count, one, many) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

const TRANSPORTS = { websocket: "WebSocket", eventsource: "EventSource" };
export const transportLabel = (name) => TRANSPORTS[name] ?? name;
