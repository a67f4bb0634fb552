import { defineConfig } from "actionwire";

/** What is forgotten some time is forgotten soon. */
export default defineConfig({
  faye: { grace: 5 },
  topics: { maxAge: 10 },
  cluster: { lease: 2 },
});
