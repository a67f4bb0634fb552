import assert from "node:assert/strict";
import { eventually } from "../../support/eventually.ts";
import { ask } from "./http.ts";

/** What the server says of itself at /metrics. */
export async function metric(base: string, name: string): Promise<number> {
  const { body } = await ask(`${base}/metrics`);
  const line = body.split("\n").find((one) => one.startsWith(`${name} `));
  if (line === undefined) throw new Error(`/metrics has no ${name}:\n${body}`);
  return Number(line.slice(name.length + 1));
}

/** Resolves once the server sees it so, e.g. that a socket has gone. */
export function metricIs(base: string, name: string, value: number): Promise<true> {
  return eventually(async () => {
    assert.equal(await metric(base, name), value, name);
    return true as const;
  });
}
