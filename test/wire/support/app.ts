/** The application behind every server of this folder: a few actions, some of which end when the test says so. */
import { z } from "zod";
import { ActionError, defineAction } from "../../../src/actions/index.ts";
import type { ServerOptions } from "../../../src/server.ts";
import { startServer, type TestServer } from "../../support/server.ts";

/** Seconds a connect is held, on servers that are not told otherwise. */
export const TIMEOUT = 2;

interface Gate {
  readonly open: Promise<void>;
  readonly release: () => void;
}

const gates = new Map<string, Gate>();

function gate(key: string): Gate {
  let known = gates.get(key);
  if (known === undefined) {
    let release = () => {};
    const open = new Promise<void>((resolve) => {
      release = resolve;
    });
    known = { open, release };
    gates.set(key, known);
  }
  return known;
}

/** How often the action `count` ran, by its parameter `key`. */
export const counted = new Map<string, number>();

export const actions = [
  defineAction({
    name: "add",
    description: "adds two numbers",
    inputs: z.object({ a: z.coerce.number(), b: z.coerce.number() }),
    run: ({ params }) => ({ sum: params.a + params.b }),
  }),
  defineAction({ name: "echo", description: "returns its params", run: ({ params }) => ({ echo: params }) }),
  defineAction({
    name: "sold",
    description: "fails with a code of its own",
    run: () => {
      throw new ActionError("sold_out", "no seats left", { seats: 0 });
    },
  }),
  defineAction({
    name: "broken",
    description: "fails in a way nobody expected",
    run: () => {
      throw new Error("a secret of the server");
    },
  }),
  defineAction({
    name: "hold",
    description: "ends when its key is released",
    inputs: z.object({ key: z.string() }),
    run: async ({ params }) => {
      await gate(params.key).open;
      return { held: params.key };
    },
  }),
  defineAction({
    name: "release",
    description: "ends every hold of a key",
    inputs: z.object({ key: z.string() }),
    run: ({ params }) => {
      gate(params.key).release();
      return {};
    },
  }),
  defineAction({
    name: "count",
    description: "counts how often it ran",
    inputs: z.object({ key: z.string() }),
    run: ({ params }) => {
      const times = (counted.get(params.key) ?? 0) + 1;
      counted.set(params.key, times);
      return { times };
    },
  }),
];

/** A server with these actions, and connects held for {@link TIMEOUT} seconds. */
export function startApp(options: ServerOptions = {}): Promise<TestServer> {
  const config = { ...options.config, faye: { timeout: TIMEOUT, ...options.config?.faye } };
  return startServer({ actions, ...options, config });
}

let names = 0;

/** A name that no other test uses. */
export function unique(what: string): string {
  names += 1;
  return `${what}-${process.pid}-${names}`;
}
