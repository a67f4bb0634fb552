/** A node that has gone and whose lease has not lapsed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineFailure } from "../../src/engine/index.ts";
import { minted, publish } from "../wire/support/messages.ts";
import { stamped, World } from "./world.ts";

test("whose node does not listen any more is told to come back with its token, and a say takes effect once", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const { clientId, line, token } = await w.begin(first.node);
  second.engine.send = () => Promise.reject(new EngineFailure("unavailable", "nobody listens"));
  first.engine.kill();
  const said = publish(clientId, line, { event: "say", message: "say 1", messageId: "m1" }, stamped(1));
  let text = "";
  second.node.gateway.receive([said], {
    ...w.link,
    send: (answer) => {
      text = answer;
    },
  });
  await w.clock.advance(1_000);
  const [ack] = JSON.parse(text);
  assert.equal(ack.successful, false);
  assert.equal(ack.error, "503::Service unavailable");
  assert.deepEqual(ack.ext, { actionwire: { stopping: true } });
  const back = minted(await w.resume(second.node, token)).clientId;
  for (let times = 0; times < 2; times += 1)
    assert.equal((await w.say(second.node, { clientId: back, line }, 1)).code, "");
  assert.equal((await second.node.api.rooms.members("defaultRoom")).membersCount, 1);
  assert.equal((await w.say(second.node, { clientId: back, line }, 2)).code, "");
});
