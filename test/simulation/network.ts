import { createRequire } from "node:module";
import type { TransportName } from "../../src/bayeux/transport-name.ts";
import type { Clock } from "../../src/ports.ts";
import type { Gateway, Link, Requester } from "../../src/sessions/gateway.ts";
import type { Dice } from "./time.ts";

/** Chances are between 0 and 1, spans in milliseconds. */
export interface NetworkFaults {
  readonly delay: readonly [number, number];
  /** Of a request on its way there, and of its response on the way back. */
  readonly lose: number;
  /** Of what is lost: how often whoever waits is told (a reset) and does not wait in vain. */
  readonly told: number;
  /** A request (but a handshake) arrives a second time, at any node; nobody hears what that one answers. */
  readonly repeat: number;
  /** Of what is lost on its way there: how often it arrives all the same, seconds after its client was told. */
  readonly late: number;
}

export const QUIET: NetworkFaults = { delay: [1, 5], lose: 0, told: 0, repeat: 0, late: 0 };

/** What the network needs to know of a node. */
export interface Host {
  readonly gateway: Gateway;
  readonly alive: boolean;
  readonly clock: Clock;
  /** Has the node do something, as soon as it runs. */
  enter(task: () => void): void;
}

/** A node that pings finds a dead socket after this and the same again. Milliseconds. */
const PING = 12_000;

export interface NetworkOptions {
  readonly clock: Clock;
  readonly dice: Dice;
  /** A node that a balancer would choose; undefined when there is none. */
  readonly route: () => Host | undefined;
  /** Characters on their way to one client above which its socket is not writable. */
  readonly buffer: number;
  /** Characters a millisecond that one socket takes to a client; Infinity: any number. */
  readonly speed: number;
  /** Every text that reaches a client. */
  readonly arrived: (client: number, text: string) => void;
  readonly note: (text: () => string) => void;
}

/** Between clients and nodes, at the level of units: nothing but Faye's two ways to the network is replaced. */
export class Network {
  readonly options: NetworkOptions;
  faults: NetworkFaults = QUIET;
  readonly wires = new Set<Wire>();
  readonly polls = new Set<Poll>();
  /** Clients that nothing reaches and nothing leaves. */
  readonly offline = new Set<number>();

  constructor(options: NetworkOptions) {
    this.options = options;
  }

  delay(): number {
    const [least, most] = this.faults.delay;
    return this.options.dice.between(least, most);
  }

  /** A socket of a client breaks: both ends find out, what was on its way is lost. */
  cut(client?: number): void {
    const wires = [...this.wires].filter((wire) => client === undefined || wire.client === client);
    if (wires.length > 0) this.options.dice.pick(wires).cut();
  }

  /** A socket of a client carries nothing any more, and nobody is told. */
  swallow(client?: number): void {
    const wires = [...this.wires].filter((wire) => client === undefined || wire.client === client);
    if (wires.length > 0) this.options.dice.pick(wires).swallow();
  }

  /** Everything of this client vanishes without a word until it is back. */
  away(client: number): void {
    this.offline.add(client);
    for (const wire of [...this.wires]) if (wire.client === client) wire.swallow();
    for (const poll of [...this.polls]) if (poll.client === client) poll.swallow();
  }

  back(client: number): void {
    this.offline.delete(client);
  }

  /** A process died: the system resets what it had open (`told`), or the machine is gone and nobody hears anything. */
  died(host: Host, told: boolean): void {
    for (const wire of [...this.wires]) {
      if (wire.host !== host) continue;
      if (told) wire.cut();
      else wire.swallow();
    }
    for (const poll of [...this.polls]) {
      if (poll.host !== host) continue;
      if (told) poll.reset();
      else poll.swallow();
    }
  }

  requester(client: number): Requester {
    return {
      remoteIP: `10.0.0.${client}`,
      remotePort: 40_000 + client,
      secure: false,
      headers: {},
      cookies: {},
    };
  }
}

/** One HTTP request and its response. */
export class Poll {
  readonly client: number;
  host: Host | null = null;
  readonly #network: Network;
  readonly #hears: { reply(text: string): void; fail(): void };
  #over = false;
  #link: PollLink | null = null;

  constructor(
    network: Network,
    client: number,
    unit: readonly unknown[],
    hears: { reply(text: string): void; fail(): void },
  ) {
    this.#network = network;
    this.client = client;
    this.#hears = hears;
    network.polls.add(this);
    const { clock, dice, note } = network.options;
    note(() => `client ${client} posts ${JSON.stringify(unit)}`);
    if (network.offline.has(client)) return;
    const lost = dice.chance(network.faults.lose);
    if (!unit.some(isHandshake) && dice.chance(network.faults.repeat)) {
      clock.after(network.delay() + dice.between(0, 400), () => this.#arrive(unit, null));
    }
    const late = lost && network.faults.late > 0 && dice.chance(network.faults.late);
    if (late) clock.after(dice.between(100, 3_000), () => this.#arrive(unit, null));
    clock.after(network.delay(), () => {
      if (late) this.#fail();
      else if (lost) this.#lost();
      else if (!this.#over) this.#arrive(unit, this);
    });
  }

  /** The client does not wait any more. */
  abort(): void {
    this.#end();
    this.#link?.broke();
  }

  /** The response, on its way back. */
  answer(text: string): void {
    const network = this.#network;
    if (this.#over) return;
    if (network.offline.has(this.client)) return;
    if (network.options.dice.chance(network.faults.lose)) {
      this.#lost();
      return;
    }
    network.options.clock.after(network.delay(), () => {
      if (this.#over || network.offline.has(this.client)) return;
      this.#end();
      network.options.arrived(this.client, text);
      this.#hears.reply(text);
    });
  }

  reset(): void {
    this.#network.options.clock.after(this.#network.delay(), () => this.#fail());
  }

  /** Nothing comes back, and nobody is told; the node finds out some time. */
  swallow(): void {
    this.#network.polls.delete(this);
    this.#over = true;
    this.#network.options.clock.after(PING, () => this.#link?.broke());
  }

  #lost(): void {
    const { dice } = this.#network.options;
    if (dice.chance(this.#network.faults.told)) this.#fail();
    else this.swallow();
  }

  #fail(): void {
    if (this.#over) return;
    this.#end();
    this.#link?.broke();
    this.#hears.fail();
  }

  #end(): void {
    this.#over = true;
    this.#network.polls.delete(this);
  }

  #arrive(unit: readonly unknown[], poll: Poll | null): void {
    const host = this.#network.options.route();
    if (host === undefined) {
      if (poll) this.#fail();
      return;
    }
    const link = new PollLink(host, this.#network, this.client, poll);
    if (poll) {
      poll.host = host;
      poll.#link = link;
    }
    host.enter(() => host.gateway.receive(structuredClone(unit), link));
  }
}

const isHandshake = (message: unknown): boolean =>
  (message as { channel?: unknown }).channel === "/meta/handshake";

class PollLink implements Link {
  readonly transport: TransportName = "long-polling";
  readonly once = true;
  readonly writable = true;
  readonly requester: Requester;
  readonly #host: Host;
  readonly #poll: Poll | null;
  #state: "open" | "sending" | "sent" | "gone" = "open";
  #done: ((handed: boolean) => void) | undefined;

  constructor(host: Host, network: Network, client: number, poll: Poll | null) {
    this.#host = host;
    this.requester = network.requester(client);
    this.#poll = poll;
  }

  send(text: string, done?: (handed: boolean) => void): void {
    if (this.#state !== "open") {
      done?.(false);
      return;
    }
    this.#state = "sending";
    this.#done = done;
    this.#host.clock.after(1, () => {
      if (this.#state !== "sending") return;
      this.#state = "sent";
      this.#poll?.answer(text);
      done?.(true);
      this.#host.gateway.closed(this);
    });
  }

  close(_code: number, _reason: string): void {
    this.send(JSON.stringify([{ successful: false, error: "503::Unavailable" }]));
  }

  broke(): void {
    this.#host.enter(() => {
      if (this.#state === "sent" || this.#state === "gone") return;
      this.#state = "gone";
      this.#done?.(false);
      this.#host.gateway.closed(this);
    });
  }
}

/** One WebSocket, both of its ends. Frames keep their order. */
export class Wire implements Link {
  readonly transport: TransportName = "websocket";
  readonly once = false;
  readonly client: number;
  readonly requester: Requester;
  host: Host | null = null;
  readonly #network: Network;
  readonly #socket: ClientSocket;
  #state: "opening" | "open" | "swallowing" | "over" = "opening";
  #serverClosed = false;
  #arrivals = { up: 0, down: 0 };
  #inFlight = 0;
  #blocked = false;

  constructor(network: Network, client: number, socket: ClientSocket) {
    this.#network = network;
    this.client = client;
    this.#socket = socket;
    this.requester = network.requester(client);
    network.wires.add(this);
    const { clock, dice } = network.options;
    if (network.offline.has(client)) {
      this.#state = "swallowing";
      return;
    }
    const lost = dice.chance(network.faults.lose);
    clock.after(network.delay(), () => {
      if (this.#state !== "opening") return;
      const host = lost ? undefined : network.options.route();
      if (host === undefined) {
        if (lost && !dice.chance(network.faults.told)) this.swallow();
        else this.#clientClosed("error");
        return;
      }
      this.host = host;
      this.#state = "open";
      this.#ping(host);
      socket.opened();
    });
  }

  get writable(): boolean {
    return !this.#blocked;
  }

  // The node's end -----------------------------------------------------------------------------------------

  send(text: string, done?: (handed: boolean) => void): void {
    if (this.#serverClosed) {
      done?.(false);
      return;
    }
    done?.(true);
    const { clock, buffer, speed, arrived } = this.#network.options;
    this.#inFlight += text.length;
    if (this.#inFlight > buffer) this.#blocked = true;
    const at =
      Math.max(clock.monotonic() + this.#network.delay(), this.#arrivals.down) +
      Math.floor(text.length / speed);
    this.#arrivals.down = at;
    clock.after(at - clock.monotonic(), () => {
      if (this.#state !== "open") return;
      this.#inFlight -= text.length;
      arrived(this.client, text);
      this.#socket.received(text);
      if (this.#blocked && this.#inFlight <= buffer) {
        this.host?.enter(() => {
          if (!this.#blocked || this.#serverClosed) return;
          this.#blocked = false;
          this.host?.gateway.drained(this);
        });
      }
    });
  }

  close(_code: number, _reason: string): void {
    this.#closedAtNode();
    this.#down(() => this.#clientClosed("close"));
  }

  // The client's end ---------------------------------------------------------------------------------------

  up(text: string): void {
    const host = this.host;
    if (host === null || this.#state !== "open") return;
    this.#network.options.note(() => `client ${this.client} sends ${text}`);
    this.#up(() => {
      if (this.#state !== "open") return;
      const unit: unknown = JSON.parse(text);
      host.enter(() => {
        if (!this.#serverClosed) host.gateway.receive(Array.isArray(unit) ? unit : [unit], this);
      });
    });
  }

  /** The client closes it; what it sent before arrives before. */
  closeByClient(): void {
    if (this.#state === "over") return;
    if (this.#state === "open") this.#up(() => this.#over());
    else if (this.#state === "opening") this.#over();
    // In the dark nobody hears of it; the node's pings will find out.
  }

  // Faults -------------------------------------------------------------------------------------------------

  cut(): void {
    if (this.#state === "over") return;
    const { clock, dice } = this.#network.options;
    this.#state = "over";
    this.#network.wires.delete(this);
    clock.after(dice.between(0, 50), () => this.#socket.shut("close"));
    clock.after(dice.between(0, 200), () => this.#closedAtNode());
  }

  swallow(): void {
    if (this.#state === "over") return;
    this.#state = "swallowing";
    this.#network.wires.delete(this);
  }

  #ping(host: Host): void {
    let missed = false;
    const next = (): void => {
      host.clock.after(PING, () => {
        if (this.#serverClosed) return;
        if (this.#state === "open") host.gateway.alive(this);
        else if (missed) return this.#closedAtNode();
        else missed = true;
        next();
      });
    };
    next();
  }

  #up(deliver: () => void): void {
    const { clock } = this.#network.options;
    this.#arrivals.up = Math.max(clock.monotonic() + this.#network.delay(), this.#arrivals.up);
    clock.after(this.#arrivals.up - clock.monotonic(), deliver);
  }

  #down(deliver: () => void): void {
    const { clock } = this.#network.options;
    this.#arrivals.down = Math.max(clock.monotonic() + this.#network.delay(), this.#arrivals.down);
    clock.after(this.#arrivals.down - clock.monotonic(), deliver);
  }

  #clientClosed(event: "close" | "error"): void {
    if (this.#state === "swallowing" || this.#state === "over") return;
    this.#state = "over";
    this.#network.wires.delete(this);
    this.#socket.shut(event);
  }

  #over(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#network.wires.delete(this);
    this.#closedAtNode();
  }

  #closedAtNode(): void {
    const { host } = this;
    host?.enter(() => {
      if (this.#serverClosed) return;
      this.#serverClosed = true;
      host.gateway.closed(this);
    });
  }
}

type Handler = ((event: { data?: string }) => void) | null;

/** What Faye takes for a WebSocket. */
export class ClientSocket {
  readyState = 0;
  onopen: Handler = null;
  onclose: Handler = null;
  onerror: Handler = null;
  onmessage: Handler = null;
  readonly #wire: Wire;
  readonly #listeners: { event: string; run: () => void }[] = [];

  constructor(network: Network, client: number) {
    this.#wire = new Wire(network, client, this);
  }

  addEventListener(event: string, run: () => void): void {
    this.#listeners.push({ event, run });
  }

  send(text: string): void {
    if (this.readyState === 1) this.#wire.up(text);
  }

  close(): void {
    if (this.readyState > 1) return;
    this.readyState = 2;
    this.#wire.closeByClient();
  }

  opened(): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.onopen?.({});
  }

  received(text: string): void {
    if (this.readyState === 1) this.onmessage?.({ data: text });
  }

  shut(event: "close" | "error"): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    for (const listener of this.#listeners) if (listener.event === event) listener.run();
    if (event === "error") this.onerror?.({});
    this.onclose?.({});
  }
}

// Under Faye ---------------------------------------------------------------------------------------------------

interface HttpTransport {
  readonly endpoint: { readonly hostname: string };
  _receive(replies: unknown): void;
  _handleError(messages: readonly unknown[]): void;
}

const require = createRequire(import.meta.url);
const sockets = require("faye/src/util/websocket") as { create: (url: string) => ClientSocket };
const NodeHttp = require("faye/src/transport/node_http") as {
  prototype: { request: (this: HttpTransport, messages: readonly unknown[]) => { abort(): void } };
};

const clientOf = (address: string): number => Number(/client-(\d+)\.test/.exec(address)?.[1]);
export const hostOf = (client: number): string => `http://client-${client}.test`;

/** Faye goes over this network from now on. Returns how to undo that. */
export function underFaye(network: Network): () => void {
  const { create } = sockets;
  const { request } = NodeHttp.prototype;
  sockets.create = (url) => new ClientSocket(network, clientOf(url));
  NodeHttp.prototype.request = function (messages) {
    const unit = JSON.parse(JSON.stringify(messages)) as unknown[];
    const poll = new Poll(network, clientOf(this.endpoint.hostname), unit, {
      reply: (text) => this._receive(JSON.parse(text)),
      fail: () => this._handleError(messages),
    });
    return { abort: () => poll.abort() };
  };
  return () => {
    sockets.create = create;
    NodeHttp.prototype.request = request;
  };
}
