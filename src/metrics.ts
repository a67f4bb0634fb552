import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { NodeCounts } from "./node-contract.ts";
import type { TransportCounts } from "./transports/index.ts";

export interface MetricsSources {
  readonly node: () => NodeCounts;
  readonly transports: () => TransportCounts;
}

export interface Metrics {
  readonly contentType: string;
  /** In the text format of Prometheus. */
  text(): Promise<string>;
}

/** Name, meaning, and how it stands now. */
type Row = readonly [name: string, help: string, read: () => number];

/** What `/metrics` tells. Counted when somebody asks; no ids and no secrets, so that they may be kept by anybody. */
export function createMetrics({ node, transports }: MetricsSources): Metrics {
  const registry = new Registry();
  const gauges: readonly Row[] = [
    ["actionwire_sessions", "Sessions this node serves, those that are away included", () => node().sessions],
    [
      "actionwire_sessions_carried",
      "Sessions that a socket, a stream or a held poll carries",
      () => node().carried,
    ],
    ["actionwire_links", "Sockets, streams and requests that sessions are bound to", () => node().links],
    ["actionwire_topics", "Topics that somebody on this node reads", () => node().topics],
    ["actionwire_sockets", "Open WebSockets", () => transports().sockets],
    ["actionwire_event_streams", "Open event streams", () => transports().streams],
    ["actionwire_requests_held", "Bayeux requests not answered yet", () => transports().polls],
  ];
  const counters: readonly Row[] = [
    ["actionwire_messages_received_total", "Bayeux messages that came in", () => node().received],
    ["actionwire_messages_sent_total", "Bayeux messages handed to sockets and streams", () => node().sent],
    ["actionwire_gaps_total", "Gap notices told: messages were missed", () => node().gaps],
    ["actionwire_slow_consumers_total", "Connections closed because they did not read", () => node().slow],
  ];
  const registers = [registry];
  for (const [name, help, read] of gauges) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }
  for (const [name, help, read] of counters) {
    new Counter({
      name,
      help,
      registers,
      // Counted elsewhere: it takes over the sum.
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }
  let observing = false;
  return {
    contentType: registry.contentType,
    text() {
      // The process is observed only where somebody looks: it is not free.
      if (!observing) collectDefaultMetrics({ register: registry });
      observing = true;
      return registry.metrics();
    },
  };
}
