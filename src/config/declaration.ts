/**
 * Every setting there is: type, default, meaning, unit, environment name. The types, the checks, the messages of
 * refused values and docs/configuration.md all come from this one declaration.
 */
import proxyAddr from "proxy-addr";
import { z } from "zod";
import { block, setting } from "./setting.ts";

const text = z.string().min(1);
const count = z.int().min(1);
/** A number where 0 switches the bound off. */
const countOrNone = z.int().min(0);
const seconds = z.number().min(0).max(86_400);
const duration = z.number().gt(0).max(86_400);
const port = z.int().min(0).max(65_535);

const isOrigin = (value: string): boolean => {
  if (value === "*" || value === "null") return true;
  try {
    return new URL(value).origin === value;
  } catch {
    return false;
  }
};

const origin = z.string().refine(isOrigin).meta({
  expects: 'an origin such as "https://example.com" (scheme, host, port if not the usual one) or "*"',
});

const isTrusted = (names: string | readonly string[]): boolean => {
  try {
    proxyAddr.compile(typeof names === "string" ? names.split(",").map((name) => name.trim()) : [...names]);
    return true;
  } catch {
    return false;
  }
};

const trusted = z.union([text, z.array(text)]).refine(isTrusted);

const mount = z
  .string()
  .regex(/^(\/[\w.~-]+)+$/)
  .meta({ expects: 'a path such as "/faye", with no slash at its end' });

const urlSegment = z
  .string()
  .regex(/^[\w.~-]+(\/[\w.~-]+)*$/)
  .meta({ expects: 'a path such as "api", with no slash at its start or end' });

const address = z
  .strictObject({ host: text, port: port.default(6379) })
  .meta({ expects: 'an address such as { host: "10.0.0.1", port: 6379 }' });

/** The verbs a connection may use; aliases (`exit`) follow the verb they stand for. */
export const verbNames = [
  "quit",
  "roomChange",
  "roomView",
  "listenToRoom",
  "silenceRoom",
  "detailsView",
  "say",
  "documentation",
  "action",
] as const;

export const transportNames = [
  "websocket",
  "eventsource",
  "long-polling",
  "cross-origin-long-polling",
  "callback-polling",
] as const;

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

const general = block("What the server says of itself, and the rules of connections and actions.", {
  serverName: setting(text, "actionwire", { description: "Name that `/api` reports." }),
  apiVersion: setting(text, "0.0.1", {
    description: "Version of the application's API that `/api` reports.",
  }),
  welcomeMessage: setting(z.string(), "Hello! Welcome to the actionHero api", {
    description: "Sent to each new connection.",
  }),
  defaultChatRoom: setting(text, "defaultRoom", { description: "The room that a new connection speaks in." }),
  simultaneousActions: setting(count, 5, {
    description: "Actions that one connection may have pending; one more is answered `too_many_pending`.",
  }),
  actionTimeout: setting(z.int().min(1).max(86_400_000), 30_000, {
    description: "How long an action may take, unless it has a `timeout` of its own.",
    unit: "ms",
  }),
  announceMembers: setting(z.union([z.literal(false), count]), 100, {
    description: "Entering and leaving are announced in rooms of up to this many members; `false`: never.",
  }),
});

const web = block("The HTTP or HTTPS server.", {
  port: setting(port, 8080, { description: "Port to listen on; 0 lets the system choose.", env: "PORT" }),
  bindIP: setting(text, "0.0.0.0", { description: "Address to listen on.", env: "HOST" }),
  secure: setting(z.boolean(), false, {
    description:
      "Serve HTTPS, with `keyFile` and `certFile`. Setting both files through the environment switches it on.",
  }),
  keyFile: setting(text.nullable(), null, {
    description: "File with the TLS key (PEM). Read again when it changes.",
    env: "TLS_KEY_FILE",
  }),
  certFile: setting(text.nullable(), null, {
    description: "File with the TLS certificate chain (PEM). Read again when it changes.",
    env: "TLS_CERT_FILE",
  }),
  allowedOrigins: setting(z.array(origin), [], {
    description:
      'Other origins whose pages may connect and call actions, with cookies. `"*"`: any page, but without cookies; `"null"`: opaque origins (sandboxed frames, files).',
  }),
  trustProxy: setting(z.union([z.boolean(), z.int().min(1), trusted]), false, {
    description:
      "Which proxies are believed when they name the client's address (`X-Forwarded-*`): `true` all, a number of hops, or addresses and subnets.",
    expects: 'true, false, a number of hops, or addresses such as "10.0.0.0/8" (one or a list)',
  }),
  urlPathForActions: setting(urlSegment, "api", { description: "Actions are served under this path." }),
  urlPathForFiles: setting(urlSegment, "public", { description: "Static files are served under this path." }),
});

const slowness = z.enum(["gap", "disconnect"]);

const websocket = block("WebSockets, and what a connection may do.", {
  verbs: setting(z.array(z.enum(verbNames)), [...verbNames], {
    description: "Verbs that connections may use.",
  }),
  maxFrameBytes: setting(count, 1_048_576, {
    description: "Largest WebSocket message accepted; the socket is closed with 1009 past it.",
    unit: "bytes",
  }),
  compression: setting(z.boolean(), false, {
    description: "Offer permessage-deflate. Costs memory and CPU for each connection.",
  }),
  compressionThreshold: setting(z.int().min(0), 1024, {
    description: "Messages below this size are not compressed.",
    unit: "bytes",
  }),
  bufferedBytes: setting(count, 1_048_576, {
    description: "Bytes waiting on one socket above which it is skipped until it drains.",
    unit: "bytes",
  }),
  slowConsumer: setting(slowness, "gap", {
    description:
      "A connection that reads so slowly that the log no longer has what it is owed: it is told of the gap when it reads on (`gap`), or its socket or stream is closed with the reason `slow consumer` (`disconnect`), and it is told when it comes back.",
  }),
  slowConsumerInRooms: setting(
    z.record(z.string(), slowness),
    {},
    {
      description: "The same for single rooms, by name.",
      expects: 'an object such as { lobby: "disconnect" }',
    },
  ),
});

const faye = block("The Bayeux endpoint.", {
  mount: setting(mount, "/faye", { description: "Path of the endpoint." }),
  timeout: setting(duration, 25, { description: "How long a connect is held.", unit: "s" }),
  ping: setting(duration, 12, {
    description: "Silence on a WebSocket after which it is pinged.",
    unit: "s",
  }),
  grace: setting(duration, 120, {
    description: "How long a connection that has gone may come back and continue where it was.",
    unit: "s",
  }),
  interval: setting(seconds, 0, {
    description: "What clients are told to wait between two connects.",
    unit: "s",
  }),
  retry: setting(
    z.strictObject({ min: seconds, max: seconds }).refine(({ min, max }) => min <= max),
    { min: 1, max: 5 },
    {
      description:
        "What clients are told to wait when the server cannot answer now: a random time between the two.",
      unit: "s",
      expects: "{ min, max } in seconds, with min no larger than max",
    },
  ),
  transports: setting(z.array(z.enum(transportNames)).min(1), [...transportNames], {
    description: "Transports that are offered.",
  }),
  jsonp: setting(z.enum(["on", "handshake-only", "off"]), "on", {
    description:
      "Whether `callback-polling` is offered. `handshake-only` is enough for stock Faye clients on other origins, which begin with it.",
  }),
  client: setting(
    z.record(z.string(), z.json()),
    {},
    {
      description: "Options of the Faye client that the served page's client starts with.",
      expects: "an object of options that JSON can carry",
    },
  ),
});

const topics = block("Bounds of every topic's log: what a client that comes back can still be given.", {
  maxMessages: setting(count, 1000, { description: "Messages kept." }),
  maxBytes: setting(count, 4_194_304, { description: "Bytes of messages kept.", unit: "bytes" }),
  maxAge: setting(duration, 300, { description: "How long a message is kept.", unit: "s" }),
});

const redis = block(
  "The Redis engine. With no `url`, `host`, `sentinels` or `cluster` one process serves alone.",
  {
    url: setting(text.nullable(), null, {
      description:
        "`redis://`, `rediss://` (TLS) or `redis+sentinel://host:port,host:port/name/db`; instead of the settings below.",
      env: "REDIS_URL",
      secret: true,
    }),
    host: setting(text.nullable(), null, { description: "Host of one Redis server." }),
    port: setting(port, 6379, { description: "Port of that Redis server." }),
    username: setting(text.nullable(), null, { description: "ACL user." }),
    password: setting(text.nullable(), null, { description: "Password.", secret: true }),
    db: setting(z.int().min(0), 0, { description: "Number of the database." }),
    sentinels: setting(z.array(address), [], { description: "Addresses of Redis Sentinels." }),
    sentinelName: setting(text, "mymaster", { description: "Name of the master that the Sentinels watch." }),
    cluster: setting(z.array(address), [], {
      description: "Addresses of some nodes of a Redis Cluster. Refused: not supported yet.",
    }),
    tls: setting(z.boolean(), false, { description: "Connect with TLS." }),
    namespace: setting(text, "actionwire", { description: "Start of every key's name." }),
  },
);

const cluster = block("Nodes among themselves.", {
  lease: setting(duration, 10, {
    description:
      "A node that has not renewed its lease for this long has lost its connections to the others.",
    unit: "s",
  }),
  drain: setting(seconds, 15, {
    description: "How long a node that stops (SIGTERM) gives clients to move and actions to finish.",
    unit: "s",
  }),
});

const limits = block("Bounds on what clients may send and hold. 0 in those marked so: no limit.", {
  bodyBytes: setting(count, 1_048_576, { description: "Body of an HTTP request.", unit: "bytes" }),
  messageBytes: setting(count, 131_072, { description: "One Bayeux message.", unit: "bytes" }),
  batch: setting(count, 1000, { description: "Messages in one request or frame." }),
  depth: setting(count, 64, { description: "Nesting of a message or body." }),
  channelBytes: setting(count, 255, { description: "Length of a channel's name.", unit: "bytes" }),
  channelSegments: setting(count, 16, { description: "Segments of a channel's name." }),
  subscriptions: setting(count, 100, { description: "Subscriptions of one session." }),
  rooms: setting(count, 100, { description: "Rooms that one connection is in or listens to." }),
  eventsPerSecond: setting(z.number().min(0), 50, {
    description:
      "Events of one connection, sustained; 0: no limit. Connects do not count, malformed frames do.",
  }),
  eventBurst: setting(count, 200, { description: "Events of one connection at once." }),
  unreadBytes: setting(count, 1_048_576, {
    description:
      "Answers that one connection has not fetched, about; past it, what it says is refused (`429::Too much unread`).",
    unit: "bytes",
  }),
  connections: setting(countOrNone, 0, {
    description:
      "WebSockets, and sessions, of one node; 0: no limit. Who comes back to a session is let in beyond it.",
  }),
  connectionsPerAddress: setting(countOrNone, 0, {
    description:
      "WebSockets, event streams and unanswered requests of one client address on one node; 0: no limit.",
  }),
  handshakesPerSecond: setting(z.number().min(0), 0, {
    description: "Handshakes of one client address, sustained; 0: no limit.",
  }),
  handshakeTimeout: setting(duration, 300, {
    description:
      "A WebSocket that never said anything is closed after this; stock clients do open such sockets.",
    unit: "s",
  }),
  bodyTimeout: setting(duration, 15, {
    description: "For the body of a request to the Bayeux endpoint to arrive.",
    unit: "s",
  }),
  unreadTimeout: setting(duration, 60, {
    description:
      "An answer of the Bayeux endpoint, or an event stream, of which nothing is read for so long is cut off.",
    unit: "s",
  }),
  headersTimeout: setting(duration, 15, {
    description: "For the headers of an HTTP request to arrive.",
    unit: "s",
  }),
  requestTimeout: setting(duration, 60, {
    description: "For a whole HTTP request to arrive.",
    unit: "s",
  }),
  keepAliveTimeout: setting(duration, 30, {
    description: "An HTTP connection with no request on it is closed after this.",
    unit: "s",
  }),
});

const logger = block("The log: JSON lines on standard output.", {
  level: setting(z.enum(logLevels), "info", {
    description: "Least severe level that is written.",
    env: "LOG_LEVEL",
  }),
});

export const declaration = z.strictObject({
  general,
  servers: block("The servers.", { web, websocket }),
  faye,
  topics,
  redis,
  cluster,
  limits,
  logger,
});

type DeepReadonly<T> = T extends readonly (infer I)[]
  ? readonly DeepReadonly<I>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** The whole configuration, every value present and checked. Frozen. */
export type Config = DeepReadonly<z.output<typeof declaration>>;

/** What an application writes: any part of it. */
export type ConfigInput = z.input<typeof declaration>;
