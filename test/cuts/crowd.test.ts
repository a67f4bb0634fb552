/** A server that dies under many clients: all of them are soon back, and not all in one instant. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../support/index.ts";
import { startServer } from "../support/server.ts";
import { range, stage } from "./stage.ts";

const CROWD = 300;
/** Milliseconds of one slice of the time in which handshakes arrive. */
const SLICE = 50;

test("300 clients come back spread over the time", async (t) => {
  const on = await stage(t);
  const crowd = await Promise.all(range(0, CROWD).map(() => on.join({ transports: ["websocket"] })));
  const ids = crowd.map(({ client }) => client.id);

  const arrivals: number[] = [];
  const authenticate = () => {
    arrivals.push(performance.now());
    return null;
  };
  const next = on.own(await startServer({ hooks: { authenticate } }));
  on.proxy.target(next.port);
  const cutAt = performance.now();
  on.proxy.cutAll();
  await eventually(() => assert.equal(next.api.connections.local().length, CROWD), { timeout: 20_000 });
  await eventually(() => crowd.every(({ client }) => client.state === "connected"), { timeout: 20_000 });

  assert.ok(crowd.every(({ client }, index) => client.id !== ids[index]));
  // Each has one transport, one way back and no cut in it: one handshake.
  assert.equal(arrivals.length, CROWD);
  const slices = new Map<number, number>();
  for (const at of arrivals) {
    const slice = Math.floor((at - cutAt) / SLICE);
    slices.set(slice, (slices.get(slice) ?? 0) + 1);
  }
  t.diagnostic(`handshakes in each ${SLICE} ms: ${JSON.stringify([...slices])}`);
  assert.ok(slices.size >= 5, `all came within ${slices.size * SLICE} ms`);
  const most = Math.max(...slices.values());
  assert.ok(most <= CROWD / 2, `${most} of ${CROWD} came within ${SLICE} ms`);
});
