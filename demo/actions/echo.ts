import { defineAction } from "actionwire";

export default defineAction({
  name: "echo",
  description: "Returns what it was sent, under `echo`.",
  outputExample: { echo: { hello: "world" } },
  idempotent: true,
  run: ({ params }) => ({ echo: params }),
});
