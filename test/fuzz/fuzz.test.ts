import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fuzz } from "./fuzz.ts";

const THROUGH = ["json: 200", "json: 400", "form: 200", "jsonp: 200", "socket: open", "stream: 200"].concat([
  "stream: 404",
  "bytes: 200",
  "bytes: 400",
  "upgrade: 101",
  "upgrade: 400",
  "action: 200",
]);

describe("whatever comes in, those who mean well are served", { concurrency: true }, () => {
  for (const seed of [1, 2, 3]) {
    test(`seed ${seed}`, async () => {
      const came = await fuzz({ seed, units: 800, forgotten: seed === 1 });
      // It came through: neither is all refused, nor is all taken.
      for (const one of THROUGH) assert.ok(came.has(one), `never ${one}: ${[...came.keys()].join(", ")}`);
    });
  }
});
