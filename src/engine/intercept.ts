import type { Engine } from "./contract.ts";

/** Is given each operation and decides when, whether and how often it runs. */
export type Around = <T>(operation: Operation, run: () => Promise<T>) => Promise<T>;

export type Operation = Exclude<keyof Engine, "start" | "stop">;

/** An engine whose every operation goes through `around`; `start` and `stop` go straight through. */
export function intercept(inner: Engine, around: Around): Engine {
  return {
    start: (node, sink) => inner.start(node, sink),
    stop: () => inner.stop(),
    ready: () => around("ready", () => inner.ready()),

    renewLease: (ms) => around("renewLease", () => inner.renewLease(ms)),
    releaseLease: () => around("releaseLease", () => inner.releaseLease()),
    nodes: () => around("nodes", () => inner.nodes()),
    send: (node, text) => around("send", () => inner.send(node, text)),

    createConnection: (id, fields) => around("createConnection", () => inner.createConnection(id, fields)),
    restoreConnection: (id, fence, fields) =>
      around("restoreConnection", () => inner.restoreConnection(id, fence, fields)),
    readConnection: (id) => around("readConnection", () => inner.readConnection(id)),
    claimConnection: (id, expect, fields) =>
      around("claimConnection", () => inner.claimConnection(id, expect, fields)),
    writeConnection: (id, fence, fields, act) =>
      around("writeConnection", () => inner.writeConnection(id, fence, fields, act)),
    removeConnection: (id, fence) => around("removeConnection", () => inner.removeConnection(id, fence)),
    ownedConnections: (node, after, limit) =>
      around("ownedConnections", () => inner.ownedConnections(node, after, limit)),

    append: (topic, entry) => around("append", () => inner.append(topic, entry)),
    position: (topic) => around("position", () => inner.position(topic)),
    read: (topic, after, limit) => around("read", () => inner.read(topic, after, limit)),
    watch: (topic) => around("watch", () => inner.watch(topic)),
    unwatch: (topic) => around("unwatch", () => inner.unwatch(topic)),

    join: (topic, join) => around("join", () => inner.join(topic, join)),
    leave: (topic, leave) => around("leave", () => inner.leave(topic, leave)),
    updateMember: (topic, id, fence, info, act) =>
      around("updateMember", () => inner.updateMember(topic, id, fence, info, act)),
    members: (topic, after, limit) => around("members", () => inner.members(topic, after, limit)),

    holdLine: (topic, hold) => around("holdLine", () => inner.holdLine(topic, hold)),
    releaseLine: (topic, holder, fence, act) =>
      around("releaseLine", () => inner.releaseLine(topic, holder, fence, act)),
    lineHolder: (topic) => around("lineHolder", () => inner.lineHolder(topic)),
  };
}
