/** Clients that nobody needs a library for. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { WebSocket } from "ws";
import { Socket } from "./door.ts";
import type { Driver, OpenDriver } from "./driver.ts";
import { ask, begin, post } from "./http.ts";
import { connect, disconnect, handshake, isDelivery, type Message, minted } from "./messages.ts";
import { type Carry, Poller } from "./poller.ts";

type Listeners = Map<string, (data: Message) => void>;

function deliver(listeners: Listeners, message: Message): void {
  listeners.get(String(message.channel))?.(message.data as Message);
}

const errorOf = (reply: Message): string | null => (reply.successful === true ? null : String(reply.error));

function pollingDriver(carryFor: (base: string) => Carry, type: string, transport = type): OpenDriver {
  return async (base) => {
    const listeners: Listeners = new Map();
    const poller = await Poller.open(carryFor(base), type, (message) => deliver(listeners, message));
    return driverOf(poller, listeners, transport, () => poller.close());
  };
}

function driverOf(
  poller: Pick<Poller, "connectionId" | "send">,
  listeners: Listeners,
  transport: string,
  close: () => Promise<void>,
): Driver {
  return {
    transport,
    connectionId: poller.connectionId,
    async subscribe(channel, heard) {
      listeners.set(channel, heard);
      return errorOf(await poller.send({ channel: "/meta/subscribe", subscription: channel }));
    },
    async publish(channel, data) {
      return errorOf(await poller.send({ channel, data }));
    },
    close,
  };
}

async function messagesOf(answer: Promise<{ status: number; body: string }>): Promise<Message[]> {
  const { status, body } = await answer;
  if (status !== 200) throw new Error(`${status}: ${body}`);
  return JSON.parse(body) as Message[];
}

const execute = promisify(execFile);

/** Long-polling with nothing but the `curl` program. */
export const openCurl: OpenDriver = pollingDriver(
  (base) => async (unit) => {
    const json = ["-H", "Content-Type: application/json", "-d", JSON.stringify(unit)];
    try {
      const { stdout } = await execute("curl", [
        "-sS",
        "--fail",
        "--max-time",
        "30",
        ...json,
        `${base}/faye`,
      ]);
      return JSON.parse(stdout) as Message[];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      throw new Error("these tests need the program curl, which is not installed", { cause: error });
    }
  },
  "long-polling",
);

/** Long-polling with POST requests. */
export const openPolling: OpenDriver = pollingDriver(
  (base) => (unit) => messagesOf(post(`${base}/faye`, JSON.stringify(unit))),
  "long-polling",
);

/** Runs the answer of callback-polling as a page would; throws for anything but one call of the callback. */
export function runScript(body: string, callback: string): Message[] {
  let called: Message[] | undefined;
  const scope = new Function(callback, body) as (call: (messages: Message[]) => void) => void;
  scope((messages) => {
    if (called !== undefined) throw new Error("the callback was called twice");
    called = messages;
  });
  if (called === undefined) throw new Error(`the callback was not called: ${body}`);
  return called;
}

/** Callback-polling (JSON-P) with GET requests. */
export const openCallbackPolling: OpenDriver = pollingDriver((base) => {
  let calls = 0;
  return async (unit) => {
    calls += 1;
    const callback = `__jsonp${calls}__`;
    const query = new URLSearchParams({ message: JSON.stringify(unit), jsonp: callback });
    const { status, body } = await ask(`${base}/faye?${query}`);
    if (status !== 200) throw new Error(`${status}: ${body}`);
    return runScript(body, callback);
  };
}, "callback-polling");

/** An event stream for deliveries, POST requests for the rest. */
export const openEventSource: OpenDriver = async (base) => {
  const listeners: Listeners = new Map();
  const carry: Carry = (unit) => messagesOf(post(`${base}/faye`, JSON.stringify(unit)));
  const [reply] = await carry([handshake({ supportedConnectionTypes: ["eventsource"] })]);
  const { clientId, connectionId } = minted(reply!);
  const stream = begin(`${base}/faye/${clientId}`, { headers: { Accept: "text/event-stream" } });
  stream.end();
  const [response] = (await once(stream, "response")) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`no stream: ${response.statusCode}`);
  let text = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
      const event = text.slice(0, end);
      text = text.slice(end + 4);
      if (!event.startsWith("data: ")) continue;
      for (const message of JSON.parse(event.slice(6)) as Message[]) deliver(listeners, message);
    }
  });
  response.on("error", () => {});
  let ids = 0;
  const send = async (message: Message): Promise<Message> => {
    ids += 1;
    const id = `e${ids}`;
    const answer = await carry([{ ...message, clientId, id }]);
    return answer.find((one) => one.id === id)!;
  };
  // The heartbeat that a browser posts; it is answered at once.
  await carry([connect(clientId, { connectionType: "eventsource" })]);
  return driverOf({ connectionId, send }, listeners, "eventsource", async () => {
    await carry([disconnect(clientId)]);
    const closed = new Promise((resolve) => response.once("close", resolve));
    stream.destroy();
    await closed;
  });
};

/** A WebSocket, and frames written by hand. */
export const openSocket: OpenDriver = async (base) => {
  const listeners: Listeners = new Map();
  const socket = await Socket.open(base);
  socket.ws.on("message", (frame) => {
    for (const message of JSON.parse(String(frame)) as Message[]) {
      if (isDelivery(message)) deliver(listeners, message);
      else if (message.channel === "/meta/connect") beat(message);
    }
  });
  const reply = await socket.one(handshake({ supportedConnectionTypes: ["websocket"] }));
  const { clientId, connectionId } = minted(reply);
  const connection = connect(clientId, { connectionType: "websocket", id: "beat" });
  function beat(answer: Message): void {
    const advice = answer.advice as { reconnect: string };
    if (advice.reconnect === "retry" && socket.ws.readyState === WebSocket.OPEN) socket.send([connection]);
  }
  socket.send([connection]);
  const send = (message: Message) => socket.one({ ...message, clientId });
  return driverOf({ connectionId, send }, listeners, "websocket", async () => {
    if (socket.ws.readyState === WebSocket.OPEN) socket.send([disconnect(clientId)]);
    await socket.close();
  });
};
