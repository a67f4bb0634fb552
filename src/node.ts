import type { Runner } from "./actions/index.ts";
import type { Config } from "./config/index.ts";
import { ActionDesk } from "./connections/actions.ts";
import { createApi } from "./connections/api.ts";
import { Authorization } from "./connections/authorization.ts";
import { Channels } from "./connections/channels.ts";
import { Connections } from "./connections/connections.ts";
import { Lines } from "./connections/lines.ts";
import { Membership } from "./connections/membership.ts";
import { ServerCommands } from "./connections/server-commands.ts";
import { type Engine, EngineFailure } from "./engine/contract.ts";
import { sleep } from "./engine/insist.ts";
import { newKey } from "./engine/keys.ts";
import type { Hooks } from "./hooks.ts";
import { Hub } from "./hub/hub.ts";
import type { Node } from "./node-contract.ts";
import type { Clock, Log, Random, Timer } from "./ports.ts";
import { Rooms } from "./rooms/rooms.ts";
import { Directory } from "./sessions/directory.ts";
import { Drain } from "./sessions/drain.ts";
import { Endings } from "./sessions/ending.ts";
import type { Link } from "./sessions/gateway.ts";
import { Handshakes } from "./sessions/handshake.ts";
import { newUuid } from "./sessions/ids.ts";
import { Lease } from "./sessions/lease.ts";
import { Links } from "./sessions/links.ts";
import { LiveNodes } from "./sessions/live-nodes.ts";
import { Peers } from "./sessions/peers.ts";
import { Restoration } from "./sessions/restoration.ts";
import type { Session, SessionHost } from "./sessions/session.ts";
import { SessionGateway } from "./sessions/session-gateway.ts";
import { SlowConsumers } from "./sessions/slow-consumers.ts";
import { Sweep } from "./sessions/sweep.ts";

export interface NodeOptions {
  readonly config: Config;
  readonly hooks: Hooks;
  readonly runner: Pick<Runner, "run" | "promises" | "documentation" | "list">;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Milliseconds over which the clients of a node that stands alone come back: there is nowhere else to go. */
const ALONE = 1000;
/** The part of its time in which a node that goes down sends everybody elsewhere; the rest is for what they have begun here. */
const LEAVING = 0.5;
/** Milliseconds over which clients of ours come back at the most: whoever polls hears nothing until then. */
const OURS = 2000;
/** Milliseconds for which a node that goes down still hears those who have just been told, and answers other nodes. */
const LINGER = 250;
const LINGER_LOOK = 25;
/** Milliseconds between two attempts to take the first lease. */
const LEASE_RETRY = 500;

/** Wires everything a node is but its sockets. Nothing runs before `start`. */
export function createNode(options: NodeOptions): Node {
  const { config, hooks, runner, engine, clock, random, log } = options;
  const id = newUuid(random);
  const { faye } = config;
  const times = { timeout: faye.timeout * 1000, grace: faye.grace * 1000, interval: faye.interval * 1000 };
  const { limits } = config;
  let draining = false;
  let leasing: Timer | null = null;

  const links = new Links(clock);
  const hub = new Hub(engine, clock, log, config.topics);
  const peers = new Peers(engine, clock, log);
  const lease = new Lease(engine, clock, log, config.cluster.lease * 1000, {
    lapsed: () => {},
    regained: () => reconcile(),
  });
  const host: SessionHost = {
    engine,
    hub,
    links,
    clock,
    times,
    rate: {
      perSecond: limits.eventsPerSecond === 0 ? Number.POSITIVE_INFINITY : limits.eventsPerSecond,
      burst: limits.eventBurst,
    },
    entitled: () => lease.valid,
    lost: (session) => directory.drop(session),
    losses: () => restoration.losses,
    restore: (session) => restoration.restore(session),
  };
  const restoration = new Restoration({
    engine,
    hub,
    lease,
    clock,
    log,
    app: () => connections,
    sessions: () => directory.local.values(),
  });

  const nodes = new LiveNodes(engine, clock);
  const rooms = new Rooms(engine, clock, config.general.announceMembers);
  const membership = new Membership(engine, clock, rooms);
  const lines = new Lines(engine, clock, () => restoration.complete());
  const channels = new Channels(engine, clock, hooks.authorizeChannel !== undefined, newKey);
  const endings = new Endings((session, reason) => connections.leave(session, reason), links, clock, log);
  const actions = new ActionDesk({
    runner,
    clock,
    api: () => api,
    simultaneous: config.general.simultaneousActions,
    node: id,
    alive: (node) => nodes.has(node),
    respond: (session, text, pending) => connections.respond(session, text, pending),
  });
  const authorization = new Authorization(hooks, log);
  const connections = new Connections({
    lines,
    membership,
    channels,
    actions,
    endings,
    authorization,
    hooks,
    clock,
    log,
    commands: new ServerCommands(membership, endings),
    verbs: {
      rooms,
      membership,
      maxRooms: limits.rooms,
      documentation: () => runner.documentation(),
      authorization,
    },
    directory: () => directory,
    api: () => api,
    welcome: config.general.welcomeMessage,
    defaultRoom: config.general.defaultChatRoom,
    allowed: new Set<string>([...config.servers.websocket.verbs, ...aliases(config)]),
    maxSubscriptions: limits.subscriptions,
  });

  const directory = new Directory({ node: id, peers, nodes, host, app: connections, restoration, log });
  const end = (session: Session, reason: string): Promise<void> =>
    endings.end(session, { reason, reconnect: "handshake", held: "none" });
  // Callback-polling for the handshake alone is not offered, only served.
  const types = faye.transports.filter((type) => type !== "callback-polling" || faye.jsonp === "on");
  const gateway = new SessionGateway({
    directory,
    links,
    times,
    log,
    end,
    app: connections,
    pause: () => Math.round(1000 * (faye.retry.min + (faye.retry.max - faye.retry.min) * random.fraction())),
    limits: {
      channelBytes: limits.channelBytes,
      channelSegments: limits.channelSegments,
      subscriptions: limits.subscriptions,
      timeout: times.timeout,
      types,
    },
    maxUnread: limits.unreadBytes,
    handshakes: new Handshakes({
      engine,
      directory,
      clock,
      random,
      log,
      times,
      types,
      // A message never comes without the brackets of its unit.
      maxMessage: Math.min(
        limits.messageBytes,
        limits.bodyBytes - 2,
        config.servers.websocket.maxFrameBytes - 2,
      ),
      hooks,
      describe: (session) => connections.describe(session),
      enlist: (session) => lines.enlist(session),
      draining: () => draining,
      entitled: () => lease.valid,
      losses: () => restoration.losses,
      era: () => restoration.era,
      most: limits.connections || Number.POSITIVE_INFINITY,
      rate:
        limits.handshakesPerSecond === 0
          ? null
          : { perSecond: limits.handshakesPerSecond, burst: Math.max(1, 2 * limits.handshakesPerSecond) },
    }),
  });
  const idle = (link: Link): boolean => gateway.idle(link);
  endings.idle = idle;
  const { slowConsumer: policy, slowConsumerInRooms: inRooms } = config.servers.websocket;
  const slow = new SlowConsumers({ engine, links, log, policy, inRooms });
  const sweep = new Sweep({
    node: id,
    engine,
    hub,
    directory,
    app: connections,
    lease,
    restoration,
    slow,
    clock,
    log,
    times,
    end,
  });
  const api = createApi({
    node: id,
    engine,
    clock,
    directory,
    complete: () => restoration.complete(),
    lines,
    rooms,
    channels,
    config,
    log,
    actions: { list: () => runner.list() },
  });

  /** After a lapse: what was taken over meanwhile is let go, the rest goes on. */
  async function reconcile(): Promise<void> {
    const owned = new Set<string>();
    // What the store has lost is nobody's: the sweep registers it again, and hears if somebody else has.
    await restoration.check();
    for (let after: string | null = null; ; ) {
      const page: readonly string[] = await engine.ownedConnections(id, after, 500);
      for (const one of page) owned.add(one);
      if (page.length < 500) break;
      after = page.at(-1)!;
    }
    for (const session of [...directory.local.values()]) {
      if (owned.has(session.id) || session.uprooted) {
        // Nobody could come back meanwhile: grace counts from now.
        session.touch();
        session.wake();
      } else directory.drop(session);
    }
    hub.doubt();
  }

  /** Takes the lease; while the engine does not answer, again and again: until then this node is not ready. */
  async function takeLease(): Promise<void> {
    if (draining) return;
    try {
      // What is stored from now on is of this store.
      await restoration.check();
      await lease.start();
    } catch (err) {
      if (!(err instanceof EngineFailure)) throw err;
      log.warn({ err }, "the engine does not answer; not ready until it does");
      leasing = clock.after(LEASE_RETRY, () => {
        takeLease().catch((failed: unknown) => log.error({ err: failed }, "the lease cannot be taken"));
      });
    }
  }

  /** Other nodes that are there for the clients of this one. */
  async function elsewhere(): Promise<string[]> {
    const nodes = await engine.nodes().catch(() => []);
    return nodes.filter(({ node, remaining }) => node !== id && remaining > 0).map(({ node }) => node);
  }

  /** Answers that wait for a client's next poll go to where that will be; whoever is owed none is found by its next request. */
  async function part(session: Session, heirs: readonly string[]): Promise<void> {
    if (session.outbox.owes && heirs.length > 0) {
      const heir = heirs[Math.floor(random.fraction() * heirs.length)]!;
      await directory.handOver(session.id, heir);
    }
    await directory.letGo(session.id);
  }

  return {
    api,
    gateway,
    async start() {
      await engine.start(id, {
        entries: (topic, epoch, entries) => hub.entries(topic, epoch, entries),
        claimed: (connection, fence) => directory.claimed(connection, fence),
        message: (from, text) => peers.receive(from, text),
        doubt: () => {
          hub.doubt();
          restoration.doubt();
        },
      });
      peers.onAsk = (_from, body) => directory.asked(body);
      peers.onTell = (_from, body) => directory.told(body);
      try {
        await takeLease();
      } catch (failed) {
        await engine.stop();
        throw failed;
      }
      sweep.start();
    },
    counts() {
      const sessions = [...directory.local.values()];
      return {
        sessions: sessions.length,
        carried: sessions.filter((session) => session.carriage.carried).length,
        topics: hub.topics,
        links: gateway.links,
        received: gateway.received,
        sent: links.pushed,
        gaps: hub.gaps,
        slow: slow.disconnected,
      };
    },
    ready: async () => !draining && lease.valid && (await engine.ready()),
    async stop(bound, others) {
      draining = true;
      leasing?.cancel();
      let heirs = await elsewhere();
      const period = heirs.length > 0 ? config.cluster.drain * 1000 : ALONE;
      const drain = new Drain({ directory, links, clock, random, idle });
      if (heirs.length > 0) void drain.run(LEAVING * Math.min(period, bound), elsewhere);
      await Promise.race([Promise.all([actions.idle(), others]), sleep(clock, bound)]);
      drain.stop();
      sweep.stop();
      // The response of the last action is not handed over before the end of its turn.
      links.flush();
      const arriving = directory.close(() => heirs[Math.floor(random.fraction() * heirs.length)]);
      heirs = await elsewhere();
      await arriving;
      for (const session of directory.local.values()) {
        const spread = session.ours ? Math.min(period, OURS) : period;
        session.drain(1 + Math.floor(random.fraction() * spread));
      }
      links.flush();
      for (let waited = 0; gateway.links > 0 && waited < LINGER; waited += LINGER_LOOK)
        await sleep(clock, LINGER_LOOK);
      const sessions = [...directory.local.values()];
      await Promise.all(sessions.map((session) => part(session, heirs).catch(() => {})));
      // What held connects on sockets were answered, before those are closed (case 181).
      links.flush();
      peers.stop();
      await lease.stop().catch((err: unknown) => log.warn({ err }, "the lease could not be given up"));
      for (let waited = 0; peers.answering > 0 && waited < LINGER; waited += LINGER_LOOK)
        await sleep(clock, LINGER_LOOK);
      hub.stop();
      await engine.stop();
    },
  };
}

/** `exit` stands for `quit` wherever that is allowed; traditional clients also say where they are. */
const aliases = (config: Config): string[] => [
  ...(config.servers.websocket.verbs.includes("quit") ? ["exit"] : []),
  "setIP",
  "setPort",
];
