/** Actions over HTTP: nobody is in a room. */
import type { Door } from "../lib/dial.ts";
import type { Receiver } from "../lib/flow.ts";
import { HttpConnection } from "../lib/http.ts";
import { readNumbers } from "../lib/text.ts";
import type { Client, Wire } from "./wire.ts";

class ApiClient implements Client {
  receiver: Receiver | null = null;
  readonly #connection: HttpConnection;

  constructor(door: Door) {
    this.#connection = new HttpConnection(door);
  }

  say(): void {
    throw new Error("nobody hears what is said over HTTP");
  }

  act(text: string): void {
    this.#connection.ask(`/api/echo?text=${text}`, null, (body) => {
      const numbers: number[] = [];
      readNumbers(body, 0, body.length, numbers);
      for (const number of numbers) this.receiver?.heard(number, performance.now());
    });
  }

  close(): void {
    this.#connection.close();
  }
}

export const api: Wire = { open: async (door) => new ApiClient(door) };
