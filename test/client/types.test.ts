import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActionHeroWebSocket } from "../../src/client/index.ts";
import { connected, world } from "./world.ts";

interface Actions {
  readonly [name: string]: { input: unknown; output: unknown };
  readonly add: { input: { a: number; b: number }; output: { sum: number } };
}

test("types: an action's inputs and response are known by its name", async (t) => {
  const w = world(t);
  await connected(w);
  const typed = w.client as unknown as ActionHeroWebSocket<Pick<Actions, "add">>;
  const answer = typed.action("add", { a: 1, b: 2 }, (_error, reply) => {
    const sum: number | undefined = reply?.sum;
    assert.equal(sum, undefined);
  });
  // @ts-expect-error: there is no such action
  typed.action("subtract");
  // @ts-expect-error: b is missing
  typed.action("add", { a: 1 });
  await w.tick(20);
  const { sum, did }: { sum: number; did?: unknown } = await answer;
  assert.deepEqual([sum, did], [undefined, "add"]);
});
