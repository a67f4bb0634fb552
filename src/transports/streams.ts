import type { ServerResponse } from "node:http";
import type { Log } from "../ports.ts";
import type { Gateway, Requester } from "../sessions/gateway.ts";
import type { Addresses } from "./addresses.ts";
import { type Headers, refuse } from "./respond.ts";
import { StreamLink } from "./stream-link.ts";
import type { Sweep } from "./sweep.ts";

const KEEP_ALIVE_MS = 10_000;

interface StreamsNeeds {
  readonly gateway: Gateway;
  readonly log: Log;
  readonly sweep: Sweep;
  readonly addresses: Addresses;
  readonly maxBuffered: number;
  readonly unreadMs: number;
}

/** All open event streams. */
export class Streams {
  readonly #needs: StreamsNeeds;
  readonly #links = new Set<StreamLink>();
  #keptAlive = 0;

  constructor(needs: StreamsNeeds) {
    this.#needs = needs;
    needs.sweep.add((now) => this.#keepAlive(now));
  }

  get size(): number {
    return this.#links.size;
  }

  async open(
    clientId: string,
    response: ServerResponse,
    requester: Requester,
    headers: Headers,
  ): Promise<void> {
    const { gateway, maxBuffered, unreadMs, log, sweep, addresses } = this.#needs;
    const over = (gone: StreamLink) => {
      this.#links.delete(gone);
      addresses.remove(requester.remoteIP);
    };
    const link = new StreamLink(response, { gateway, requester, headers, maxBuffered, unreadMs, over });
    this.#links.add(link);
    addresses.add(requester.remoteIP);
    sweep.wake();
    try {
      if (await gateway.stream(clientId, link)) {
        link.open();
        return;
      }
      link.dismiss();
      // Before the stream is open an error makes Faye choose long-polling (case 149).
      refuse(response, 404, "Unknown client", headers);
    } catch (error) {
      // Without the path: it holds the clientId.
      log.error({ err: error }, "an event stream could not be opened");
      if (response.headersSent) response.end();
      else refuse(response, 500, "Internal server error", headers);
    }
  }

  close(): void {
    for (const link of this.#links) link.close(1001, "");
  }

  #keepAlive(now: number): boolean {
    if (now - this.#keptAlive >= KEEP_ALIVE_MS) {
      this.#keptAlive = now;
      for (const link of this.#links) link.keepAlive();
    }
    return this.#links.size > 0;
  }
}
