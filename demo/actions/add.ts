import { defineAction } from "actionwire";
import { z } from "zod";

export default defineAction({
  name: "add",
  description: "Adds two numbers.",
  // Over HTTP numbers arrive as text, so they are coerced.
  inputs: z.object({ a: z.coerce.number(), b: z.coerce.number() }),
  outputExample: { sum: 5 },
  idempotent: true,
  run: ({ params }) => ({ sum: params.a + params.b }),
});
