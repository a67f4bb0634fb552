import { defineAction } from "actionwire";

export default defineAction({
  name: "status",
  description: "How the node that answers is doing.",
  outputExample: { id: "node-1", uptime: 61_000, connections: 2, consumedMemoryMB: 48.5 },
  idempotent: true,
  run: ({ api }) => ({
    /** Which node answered: behind a load balancer it may be another one each time. */
    id: api.id,
    /** Milliseconds. */
    uptime: Math.round(process.uptime() * 1000),
    connections: api.connections.local().length,
    consumedMemoryMB: Math.round((process.memoryUsage().rss / 1024 / 1024) * 100) / 100,
  }),
});
