import assert from "node:assert/strict";
import { test } from "node:test";
import vm from "node:vm";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const bundled = async (entry: string, more: object = {}) => {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    platform: "browser",
    target: "es2018",
    logLevel: "silent",
    ...more,
  });
  return {
    text: result.outputFiles[0]!.text,
    inputs: Object.keys(result.metafile.inputs),
    warnings: result.warnings,
  };
};

test("the plain script: our modules only, small, runs where there is only a window", async () => {
  const { text, inputs } = await bundled("src/client/global.ts", { format: "iife" });
  assert.deepEqual(
    inputs.filter((name) => !name.startsWith("src/client/")),
    [],
  );
  assert.ok(!inputs.includes("src/client/node-faye.ts"));
  assert.ok(text.length < 35_000, `${text.length} bytes`);
  assert.ok(gzipSync(text).length < 11_500, `${gzipSync(text).length} bytes compressed`);
  const window: Record<string, unknown> = {};
  class Client {}
  window.Faye = { Client };
  vm.runInNewContext(text, { window, location: { origin: "http://page" }, console });
  const made = vm.runInNewContext(
    "[new actionHeroWebSocket, new actionHeroWebSocket({ path: '/x' })].map((a) => a.state).join()",
    { ...window, window, location: { origin: "http://page" } },
  );
  assert.equal(made, "disconnected,disconnected");
  const methods = [
    ..."log connect send action say detailsView roomView roomChange".split(" "),
    ..."listenToRoom silenceRoom disconnect documentation".split(" "),
  ];
  const { prototype } = window.actionHeroWebSocket as { prototype: Record<string, unknown> };
  for (const name of methods) assert.equal(typeof prototype[name], "function", name);
});

test("the module: a bundler finds nothing of Node and nothing of Faye in it", async () => {
  const { inputs, warnings } = await bundled("src/client/index.ts", { format: "esm", target: "es2020" });
  assert.deepEqual(
    inputs.filter((name) => !name.startsWith("src/client/")),
    [],
  );
  assert.deepEqual(warnings, []);
});

test("without Faye it says what is missing", async () => {
  const { text } = await bundled("src/client/global.ts", { format: "iife" });
  const window: Record<string, unknown> = {};
  vm.runInNewContext(text, { window });
  assert.throws(
    () => vm.runInNewContext("new actionHeroWebSocket", { ...window, window, location: { origin: "x" } }),
    /faye\/client\.js/,
  );
});

test("three ways to the same class; Node's default Faye is the faye package", async () => {
  const module = await import("../../src/client/index.ts");
  assert.equal(module.default, module.actionHeroWebSocket);
  assert.equal(module.default, module.ActionHeroWebSocket);
  assert.equal(new module.default().state, "disconnected");
});
