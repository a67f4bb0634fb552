import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { scripts } from "../../src/web/scripts.ts";
import { folder, startWeb } from "./bench.ts";

const faye = path.dirname(createRequire(import.meta.url).resolve("faye/package.json"));

/** As `fetch`, but the path goes out as it is written. */
const rawStatus = (base: string, target: string, headers: Record<string, string> = {}): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base);
    request({ hostname, port, path: target, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on("error", reject)
      .end();
  });

test("the stock Faye client is served as it is, with its map, and 304 when unchanged", async (t) => {
  const { base, bayeux } = await startWeb(t);
  const stock = await readFile(path.join(faye, "client/faye-browser-min.js"), "utf8");
  for (const url of ["/faye/client.js", "/faye.js"]) {
    const response = await fetch(base + url);
    assert.equal(response.status, 200);
    assert.match(String(response.headers.get("content-type")), /javascript/);
    assert.equal(response.headers.get("sourcemap"), "/faye/client.js.map");
    assert.equal(await response.text(), stock);
    const etag = String(response.headers.get("etag"));
    const again = await fetch(base + url, { headers: { "if-none-match": etag } });
    assert.equal(again.status, 304);
    assert.equal(await again.text(), "");
    const other = await fetch(base + url, { headers: { "if-none-match": '"other"' } });
    assert.equal(other.status, 200);
    await other.text();
  }
  const map = (await (await fetch(`${base}/faye/client.js.map`)).json()) as { version: number };
  assert.equal(map.version, 3);
  assert.deepEqual(bayeux.seen, []);
});

test("the script moves with the mount", async (t) => {
  const { base, bayeux } = await startWeb(t, { config: { faye: { mount: "/rt/bayeux" } } });
  for (const url of ["/rt/bayeux/client.js", "/rt/bayeux.js"]) assert.equal(await rawStatus(base, url), 200);
  assert.equal(await rawStatus(base, "/faye/client.js"), 404);
  assert.equal(await rawStatus(base, "/rt/bayeux/x"), 200);
  assert.deepEqual(bayeux.seen, ["GET /rt/bayeux/x"]);
});

test("files of the project: types, ETag, ranges, the page at /", async (t) => {
  const dir = await folder(t);
  await writeFile(path.join(dir, "index.html"), "<p>home");
  await writeFile(path.join(dir, "data.txt"), "0123456789");
  const { base } = await startWeb(t, { publicDirs: [dir] });
  const page = await fetch(`${base}/`);
  assert.equal(await page.text(), "<p>home");
  assert.match(String(page.headers.get("content-type")), /text\/html/);
  const file = await fetch(`${base}/public/data.txt`);
  assert.equal(await file.text(), "0123456789");
  assert.equal(file.headers.get("x-content-type-options"), "nosniff");
  const etag = String(file.headers.get("etag"));
  // Not with fetch: it adds `cache-control: no-cache`, which asks for the whole file.
  assert.equal(await rawStatus(base, "/public/data.txt", { "if-none-match": etag }), 304);
  const part = await fetch(`${base}/public/data.txt`, { headers: { range: "bytes=2-4" } });
  assert.deepEqual([part.status, await part.text()], [206, "234"]);
});

test("the first folder that has a file goes first", async (t) => {
  const [one, two] = [await folder(t), await folder(t)];
  await writeFile(path.join(one, "a.txt"), "one");
  await writeFile(path.join(two, "a.txt"), "two");
  await writeFile(path.join(two, "b.txt"), "two");
  const { base } = await startWeb(t, { publicDirs: [one, two, path.join(one, "missing")] });
  assert.equal(await (await fetch(`${base}/public/a.txt`)).text(), "one");
  assert.equal(await (await fetch(`${base}/public/b.txt`)).text(), "two");
});

test("nothing outside the folder, no dotfiles, no listing", async (t) => {
  const dir = await folder(t);
  await mkdir(path.join(dir, "public/sub/.git"), { recursive: true });
  await writeFile(path.join(dir, "secret.txt"), "secret");
  await writeFile(path.join(dir, "public/.env"), "secret");
  await writeFile(path.join(dir, "public/sub/.git/config"), "secret");
  const { base } = await startWeb(t, { publicDirs: [path.join(dir, "public")] });
  for (const target of [
    "/public/../secret.txt",
    "/public/%2e%2e/secret.txt",
    "/public/..%2fsecret.txt",
    "/public/%2e%2e%2fsecret.txt",
    "/public/..%5csecret.txt",
    "/public//../secret.txt",
    "/public/sub/../../secret.txt",
    "/public/%00",
    "/public/.env",
    "/public/%2eenv",
    "/public/sub/.git/config",
    "/public/sub/",
    "/public/",
    "/%zz",
    "/nothing",
  ]) {
    const status = await rawStatus(base, target);
    assert.ok(status >= 400 && status < 500, `${target} answered ${status}`);
  }
});

test("a moved mount and options of the configuration reach the page's client as its defaults", () => {
  const fayeOptions = { timeout: 5, note: "</script>" };
  const served = scripts("/rt", "public", { path: "/rt", fayeOptions });
  const { tail } = served.get("/public/javascript/actionHeroWebSocket.js")!;
  assert.doesNotMatch(tail!, /<\/script>/);
  class Client {
    readonly options: unknown;
    constructor(options: unknown) {
      this.options = options;
    }
  }
  const window = { actionHeroWebSocket: Client };
  runInNewContext(tail!, { window });
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
  assert.deepEqual(plain(new window.actionHeroWebSocket(undefined).options), { path: "/rt", fayeOptions });
  const own = new window.actionHeroWebSocket({ host: "h", path: "/p", fayeOptions: { timeout: 9 } });
  assert.deepEqual(plain(own.options), {
    host: "h",
    path: "/p",
    fayeOptions: { ...fayeOptions, timeout: 9 },
  });
  assert.ok(own instanceof Client);
});

test("our client is served from the build, before a file of the project with its name", async (t) => {
  const dir = await folder(t);
  await mkdir(path.join(dir, "javascript"));
  await writeFile(path.join(dir, "javascript/actionHeroWebSocket.js"), "stale copy");
  await writeFile(path.join(dir, "javascript/other.js"), "other");
  const { base } = await startWeb(t, { publicDirs: [dir] });
  assert.equal(await (await fetch(`${base}/public/javascript/other.js`)).text(), "other");
  const built = await readFile(
    new URL("../../dist/client/actionHeroWebSocket.js", import.meta.url),
    "utf8",
  ).catch(() => undefined);
  const response = await fetch(`${base}/public/javascript/actionHeroWebSocket.js`);
  const text = await response.text();
  if (built === undefined) assert.equal(response.status, 404);
  else assert.equal(text, built);
});

test("a folder's page has the folder in its address", async (t) => {
  const dir = await folder(t);
  await mkdir(path.join(dir, "sub"));
  await writeFile(path.join(dir, "index.html"), "<p>home");
  await writeFile(path.join(dir, "sub/index.html"), "<p>sub");
  const { base } = await startWeb(t, { publicDirs: [dir] });
  for (const [url, text] of [
    ["/public", "<p>home"],
    ["/public/sub?x=1", "<p>sub"],
  ] as const) {
    const page = await fetch(base + url);
    assert.deepEqual([page.status, await page.text()], [200, text]);
    assert.match(new URL(page.url).pathname, /\/$/);
  }
  for (const url of [
    "/public",
    "/public/sub",
    "/public//example.com/%2e%2e",
    "/public/%2f%2fexample.com/..",
  ]) {
    const { headers } = await fetch(base + url, { redirect: "manual" });
    assert.match(headers.get("location") ?? "/public/", /^\/public\//, url);
  }
});

test("the client's script is always there, and where the files are", async (t) => {
  const { base } = await startWeb(t, { config: { servers: { web: { urlPathForFiles: "assets" } } } });
  for (const place of ["/public", "/assets"]) {
    for (const url of ["actionHeroWebSocket.js", "actionHeroWebSocket.js.map"])
      assert.equal(await rawStatus(base, `${place}/javascript/${url}`), 200);
  }
});
