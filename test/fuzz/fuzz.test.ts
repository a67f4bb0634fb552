import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fuzz } from "./fuzz.ts";

describe("whatever comes in, those who mean well are served", () => {
  for (const seed of [1, 2, 3]) {
    test(`seed ${seed}`, async () => {
      const came = await fuzz({ seed, units: 800 });
      // It came through: neither is all refused, nor is all taken.
      for (const one of ["json: 200", "json: 400", "form: 200", "jsonp: 200", "socket: open", "action: 200"])
        assert.ok(came.has(one), `never ${one}: ${[...came.keys()].join(", ")}`);
    });
  }
});
