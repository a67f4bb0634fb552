import { defineConfig } from "actionwire";

/** A cluster in which everything that takes time takes little. */
export default defineConfig({ faye: { grace: 8 }, cluster: { lease: 2, drain: 4 } });
