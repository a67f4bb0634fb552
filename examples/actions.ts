import { defineAction } from "actionwire";
import { z } from "zod";

/** The same action in every example: over HTTP, over a WebSocket, over long-polling. */
export const add = defineAction({
  name: "add",
  description: "adds two numbers",
  inputs: z.object({ a: z.coerce.number(), b: z.coerce.number() }),
  run: ({ params }) => ({ sum: params.a + params.b }),
});
