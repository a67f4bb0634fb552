import { after, before, describe, test } from "node:test";
import { applicable, engineRules } from "../../src/engine/index.ts";
import { RedisServer } from "../support/index.ts";
import { redisHarness } from "./redis-harness.ts";

describe("the Redis engine", () => {
  let server: RedisServer;
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server.stop());

  const harness = redisHarness(() => server);
  for (const rule of engineRules.filter((candidate) => applicable(candidate, harness))) {
    test(`${rule.number} ${rule.title}`, () => rule.run(harness));
  }
});
