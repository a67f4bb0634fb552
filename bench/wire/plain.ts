/** Bare texts, as bench/servers/{ws,floor,bun}.js take them; and Primus, which has them as JSON. */
import { Socket } from "../lib/sockets.ts";
import type { Client, Wire } from "./wire.ts";

class Plain implements Client {
  readonly #socket: Socket;
  readonly #encode: (text: string) => string;

  constructor(socket: Socket, encode: (text: string) => string) {
    this.#socket = socket;
    this.#encode = encode;
  }

  set receiver(receiver: Client["receiver"]) {
    this.#socket.receiver = receiver;
  }

  say(text: string): void {
    this.#socket.send(this.#encode(`s${text}`));
  }

  act(text: string): void {
    this.#socket.send(this.#encode(`a${text}`));
  }

  close(): void {
    this.#socket.close();
  }
}

const asIs = (text: string): string => text;

export const plain: Wire = {
  async open(door, room) {
    const socket = await Socket.open(door, `/${room}`, { first: "welcome" });
    return new Plain(socket, asIs);
  },
};

export const primus: Wire = {
  async open(door) {
    const socket = await Socket.open(door, "/primus", { first: "welcome" });
    socket.onText = (text) => {
      if (text.startsWith('"primus::ping::')) socket.send(text.replace("ping", "pong"));
    };
    return new Plain(socket, JSON.stringify);
  },
};
