import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../../src/log.ts";

const logged = (level: "info" | "silent" = "info") => {
  const lines: string[] = [];
  const log = createLog({ level }, { write: (line: string) => void lines.push(line) });
  return { log, lines };
};

test("secrets are taken out, what stands beside them stays", () => {
  const { log, lines } = logged();
  log.info(
    {
      clientId: "hunter2",
      message: { clientId: "hunter2", ext: { token: "hunter2" } },
      headers: { cookie: "hunter2", authorization: "hunter2", host: "example.com" },
      config: { redis: { password: "hunter2", url: "redis://:hunter2@redis" } },
      connection: "public-id",
    },
    "something",
  );
  assert.doesNotMatch(lines[0]!, /hunter2/);
  const line = JSON.parse(lines[0]!);
  assert.equal(line.connection, "public-id");
  assert.equal(line.headers.host, "example.com");
  assert.equal(line.clientId, "[secret]");
});

test("the level of the configuration counts", () => {
  const { log, lines } = logged("silent");
  log.error({}, "not written");
  assert.deepEqual(lines, []);
});

test("an error is written whole", () => {
  const { log, lines } = logged();
  log.error({ err: new Error("why") }, "it failed");
  const { err } = JSON.parse(lines[0]!);
  assert.equal(err.message, "why");
  assert.match(err.stack, /log\.test/);
});
