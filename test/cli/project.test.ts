import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { ActionError } from "../../src/actions/index.ts";
import { listActions } from "../../src/cli/actions.ts";
import { generateAction, generateProject } from "../../src/cli/generate.ts";
import { loadProject, ProjectError } from "../../src/cli/project.ts";
import { resolveConfig } from "../../src/config/index.ts";

/** A project far away from this package, with nothing installed. */
const project = async (t: TestContext, files: Record<string, string>): Promise<string> => {
  const dir = await mkdtemp(path.join(tmpdir(), "actionwire-project-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
    await writeFile(path.join(dir, name), text);
  }
  return dir;
};

const action = (name: string, body = "({})") =>
  `defineAction({ name: ${JSON.stringify(name)}, description: "of ${name}", run: () => ${body} })`;
const esm = 'import { defineAction, ActionError } from "actionwire";\n';

test("an empty folder is a project", async (t) => {
  const { actions, hooks, config } = await loadProject(await project(t, {}));
  assert.deepEqual([actions, hooks, config], [[], {}, {}]);
});

test("actions: TypeScript, JavaScript, ES and CommonJS modules; by default, by name, several, in folders", async (t) => {
  const dir = await project(t, {
    "actions/a.ts": `${esm}const typed: string = "a";\nexport default ${action("a")};\nexport const other = ${action("a2")};`,
    "actions/b.js": `${esm}export default [${action("b")}, ${action("b2")}];`,
    "actions/c.mjs": `${esm}export const c = ${action("c")};\nexport const helper = () => 1;`,
    "actions/d.mts": `${esm}export default ${action("d")};`,
    "actions/e.js": `const { defineAction } = require("actionwire");\nmodule.exports = ${action("e")};`,
    "actions/deep/f.ts": `${esm}import { helped } from "../../lib/help.ts";\nexport default ${action("f", "({ helped })")};`,
    "actions/deep/again.ts": 'export { default } from "./f.ts";',
    "actions/f.test.ts": "throw new Error('not an action');",
    "actions/types.d.ts": "export {};",
    "actions/notes.md": "not a module",
    "lib/help.ts": "export const helped: boolean = true;",
  });
  const { actions } = await loadProject(dir);
  assert.deepEqual(actions.map(({ name }) => name).sort(), ["a", "a2", "b", "b2", "c", "d", "e", "f"]);
});

test("what a project imports from actionwire is this very package", async (t) => {
  const dir = await project(t, {
    "actions/a.ts": `${esm}export default ${action("a", '{ throw new ActionError("x", "y"); }')};`,
  });
  const { actions } = await loadProject(dir);
  assert.throws(
    () => actions[0]!.run(undefined as never),
    (error) => error instanceof ActionError,
  );
});

test("configuration and hooks are default exports, also of CommonJS", async (t) => {
  const dir = await project(t, {
    "actionwire.config.ts":
      'import { defineConfig } from "actionwire";\nexport default defineConfig({ servers: { web: { port: 1 } } });',
    "hooks.js": "module.exports = { authenticate: () => ({ name: 'ann' }) };",
  });
  const { config, hooks } = await loadProject(dir);
  assert.equal(resolveConfig(config).servers.web.port, 1);
  assert.deepEqual(hooks.authenticate?.({ headers: {}, cookies: {}, ext: {}, remoteIP: "" }), {
    name: "ann",
  });
});

const refused: [name: string, files: Record<string, string>, said: RegExp][] = [
  [
    "a module that does not parse",
    { "actions/bad.ts": "export default {{" },
    /^actions\/bad\.ts cannot be loaded: /,
  ],
  [
    "a module that throws",
    { "actions/bad.js": "throw new Error('no database');" },
    /^actions\/bad\.js cannot be loaded: no database$/,
  ],
  [
    "a module without an action",
    { "actions/none.ts": "export const x = 1;" },
    /^actions\/none\.ts exports no action/,
  ],
  [
    "an action that is not defined well",
    { "actions/bad.ts": `${esm}export default defineAction({ name: "x" });` },
    /^actions\/bad\.ts cannot be loaded: action "x": `description` must be a text/,
  ],
  [
    "two actions of one name",
    {
      "actions/a.ts": `${esm}export default ${action("x")};`,
      "actions/b.ts": `${esm}export default ${action("x")};`,
    },
    /^actions\/a\.ts and actions\/b\.ts both have an action named x/,
  ],
  [
    "an import that is missing",
    { "actions/a.ts": 'import "nowhere-to-be-found";' },
    /^actions\/a\.ts cannot be loaded: .*nowhere-to-be-found/,
  ],
  [
    "a configuration without a default export",
    { "actionwire.config.ts": "export const port = 1;" },
    /^actionwire\.config\.ts must export an object by default, it exports nothing/,
  ],
  ["two configurations", { "actionwire.config.ts": "", "actionwire.config.js": "" }, /keep one of them/],
  [
    "a hook that is none",
    { "hooks.ts": "export default { authentikate() {} };" },
    /"authentikate", which is no hook; did you mean "authenticate"\?/,
  ],
  [
    "a hook that is no function",
    { "hooks.ts": "export default { authenticate: 1 };" },
    /the hooks file has "authenticate", which must be a function, got a number/,
  ],
];

for (const [name, files, said] of refused) {
  test(`refused, with the file's name: ${name}`, async (t) => {
    await assert.rejects(loadProject(await project(t, files)), (error) => {
      assert.ok(error instanceof ProjectError);
      assert.match(error.message, said);
      assert.equal(error.message.includes("\n"), false);
      return true;
    });
  });
}

test("a folder that is none is refused", async () => {
  await assert.rejects(loadProject("/nowhere/at/all"), /\/nowhere\/at\/all is not a folder/);
});

test("actions are listed with their inputs", async (t) => {
  const dir = await project(t, {
    "actions/z.ts": `${esm}export default ${action("z")};`,
    "actions/add.ts": `import { z } from "zod";\n${esm}export default defineAction({ name: "add", version: "2", description: "adds", inputs: z.object({ a: z.number().describe("the first"), b: z.string().optional() }), run: () => ({}) });`,
  });
  assert.equal(
    await listActions(dir),
    ["add (version 2)  adds", "    a: number  the first", "    b?: string", "z  of z"].join("\n"),
  );
  assert.match(await listActions(await project(t, {})), /no actions/);
});

test("a generated project loads as it is, and is not written over", async (t) => {
  const dir = path.join(await project(t, {}), "my app");
  const files = await generateProject(dir);
  assert.ok(files.includes("public/index.html"));
  const { actions, hooks, config } = await loadProject(dir);
  assert.deepEqual(
    actions.map(({ name }) => name),
    ["hello"],
  );
  assert.deepEqual(Object.keys(hooks), ["authenticate", "authorizeRoom"]);
  assert.equal(resolveConfig(config).servers.web.port, 8080);
  assert.equal(JSON.parse(await readFile(path.join(dir, "package.json"), "utf8")).name, "my-app");
  await assert.rejects(generateProject(dir), /is not empty/);

  assert.equal(await generateAction(dir, "goodbye"), path.join("actions", "goodbye.ts"));
  assert.deepEqual((await loadProject(dir)).actions.map(({ name }) => name).sort(), ["goodbye", "hello"]);
  await assert.rejects(generateAction(dir, "goodbye"), /is there already/);
  await assert.rejects(generateAction(dir, "../evil"), /an action's name is a letter/);
});
