import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError, type ConfigInput, resolveConfig } from "../../src/config/index.ts";
import { nearest } from "../../src/config/nearest.ts";
import { configurationReference } from "../../src/config/reference.ts";
import { rows } from "../../src/config/rows.ts";
import { assertPage } from "./docs.ts";

type Env = Record<string, string>;

const refused = (input: unknown, env: Env = {}): readonly string[] => {
  try {
    resolveConfig(input as ConfigInput, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  assert.fail("was not refused");
};

test("with nothing said, every default of the design holds", () => {
  const config = resolveConfig();
  assert.equal(config.general.defaultChatRoom, "defaultRoom");
  assert.equal(config.general.welcomeMessage, "Hello! Welcome to the actionHero api");
  assert.equal(config.general.simultaneousActions, 5);
  assert.equal(config.general.announceMembers, 100);
  assert.equal(config.general.actionTimeout, 30_000);
  assert.equal(config.servers.web.port, 8080);
  assert.deepEqual(config.servers.web.allowedOrigins, []);
  assert.equal(config.servers.web.urlPathForActions, "api");
  assert.equal(config.servers.web.urlPathForFiles, "public");
  assert.equal(config.servers.websocket.compression, false);
  assert.equal(config.faye.mount, "/faye");
  assert.equal(config.faye.timeout, 25);
  assert.equal(config.faye.grace, 120);
  assert.equal(config.topics.maxMessages, 1000);
  assert.equal(config.topics.maxAge, 300);
  assert.equal(config.cluster.lease, 10);
  assert.equal(config.cluster.drain, 15);
  const { bodyBytes, messageBytes, batch, depth, channelBytes, channelSegments } = config.limits;
  assert.deepEqual(
    { bodyBytes, messageBytes, batch, depth, channelBytes, channelSegments },
    {
      bodyBytes: 1_048_576,
      messageBytes: 131_072,
      batch: 1000,
      depth: 64,
      channelBytes: 255,
      channelSegments: 16,
    },
  );
  const { subscriptions, rooms, eventsPerSecond, eventBurst, connectionsPerAddress } = config.limits;
  assert.deepEqual(
    { subscriptions, rooms, eventsPerSecond, eventBurst, connectionsPerAddress },
    { subscriptions: 100, rooms: 100, eventsPerSecond: 50, eventBurst: 200, connectionsPerAddress: 0 },
  );
});

test("what is said replaces the default and leaves its neighbours", () => {
  const config = resolveConfig({ servers: { web: { port: 0 } }, faye: { timeout: 1.5 } });
  assert.equal(config.servers.web.port, 0);
  assert.equal(config.servers.web.bindIP, "0.0.0.0");
  assert.equal(config.faye.timeout, 1.5);
});

test("two configurations share nothing, and neither can be changed", () => {
  const input = { servers: { web: { allowedOrigins: ["https://example.com"] } } };
  const config = resolveConfig(input);
  input.servers.web.allowedOrigins.push("https://other.example");
  assert.deepEqual(config.servers.web.allowedOrigins, ["https://example.com"]);
  assert.throws(() => Object.assign(config.general, { serverName: "x" }), TypeError);
  assert.notEqual(resolveConfig().faye.transports, resolveConfig().faye.transports);
});

const refusals: [name: string, input: unknown, said: RegExp][] = [
  ["a misspelt key", { servers: { web: { prot: 1 } } }, /"servers.web.prot" .* "servers.web.port"\?/],
  ["a misspelt block", { genral: {} }, /"genral" .* "general"\?/],
  ["a key of another case", { faye: { Mount: "/x" } }, /"faye.Mount" .* "faye.mount"\?/],
  ["a key of another block", { port: 80 }, /"port" .* "servers.web.port"\?/],
  ["a key that is near nothing", { faye: { qqqqqq: 1 } }, /"faye.qqqqqq" .* "faye" has "mount"/],
  ["a key that objects inherit", { faye: { constructor: 1 } }, /"faye.constructor" is not a setting/],
  ["a block that is no object", { servers: 3 }, /"servers" must be an object of settings, got 3/],
  ["a configuration that is a list", [], /must be an object of settings, got \[\]/],
  ["a text for a number", { servers: { web: { port: "80" } } }, /"servers.web.port" must be .* got "80"/],
  ["a number out of bounds", { servers: { web: { port: 70000 } } }, /from 0 to 65535, got 70000/],
  ["not a number", { faye: { timeout: Number.NaN } }, /"faye.timeout" must be a number above 0.* got NaN/],
  ["an empty default room", { general: { defaultChatRoom: "" } }, /must be a text that is not empty, got ""/],
  ["no default room", { general: { defaultChatRoom: null } }, /must be a text that is not empty, got null/],
  ["a list for a text", { general: { serverName: ["x"] } }, /must be a text that is not empty, got \["x"\]/],
  ["an unknown verb", { servers: { websocket: { verbs: ["fly"] } } }, /one of "quit", .* got \["fly"\]/],
  ["announceMembers true", { general: { announceMembers: true } }, /false or a whole number of at least 1/],
  ["an origin with a path", { servers: { web: { allowedOrigins: ["https://a.b/c"] } } }, /an origin such as/],
  ["a mount without a slash", { faye: { mount: "faye" } }, /a path such as "\/faye"/],
  ["retry upside down", { faye: { retry: { min: 2, max: 1 } } }, /min no larger than max/],
  [
    "https without files",
    { servers: { web: { secure: true } } },
    /needs "servers.web.keyFile" and "servers.web.certFile"/,
  ],
  [
    "a proxy that is no address",
    { servers: { web: { trustProxy: "proxy" } } },
    /"servers.web.trustProxy" .* got "proxy"/,
  ],
  [
    "proxies with a subnet too large",
    { servers: { web: { trustProxy: ["10.0.0.0/33"] } } },
    /"servers.web.trustProxy" must be true, false, a number of hops/,
  ],
  [
    "a mount where actions are",
    { faye: { mount: "/api" } },
    /"faye.mount" \("\/api"\) .* "servers.web.urlPathForActions"/,
  ],
  [
    "a mount above the files",
    { faye: { mount: "/a" }, servers: { web: { urlPathForFiles: "a/files" } } },
    /"faye.mount" \("\/a"\) .* "servers.web.urlPathForFiles" \("\/a\/files"\)/,
  ],
  [
    "actions and files at one path",
    { servers: { web: { urlPathForActions: "public" } } },
    /"servers.web.urlPathForActions" and "servers.web.urlPathForFiles" are both "public"/,
  ],
  ["a mount where health is told", { faye: { mount: "/healthz" } }, /would take the server's own \/healthz/],
  ["files without https", { servers: { web: { keyFile: "k" } } }, /would serve plain HTTP/],
  [
    "nothing but a transport switched off",
    { faye: { jsonp: "off", transports: ["callback-polling"] } },
    /jsonp/,
  ],
];

for (const [name, input, said] of refusals) {
  test(`refused: ${name}`, () => {
    const problems = refused(input);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0]!, said);
  });
}

test("proxies by name, address and subnet; a mount below the actions, or beside them", () => {
  for (const trustProxy of [true, 2, "loopback", "127.0.0.1, 10.0.0.0/8", ["::1", "uniquelocal"], []])
    assert.deepEqual(resolveConfig({ servers: { web: { trustProxy } } }).servers.web.trustProxy, trustProxy);
  for (const mount of ["/api/faye", "/apis", "/public/faye"])
    assert.equal(resolveConfig({ faye: { mount } }).faye.mount, mount);
});

test("everything wrong is told at once", () => {
  assert.equal(refused({ topics: { maxAge: -1 }, cluster: { leese: 1 } }).length, 2);
});

test("the environment overrides the file", () => {
  const env = { PORT: "9000", HOST: "127.0.0.1", REDIS_URL: "redis://redis:6379", LOG_LEVEL: "warn" };
  const config = resolveConfig({ servers: { web: { port: 1 } } }, env);
  assert.equal(config.servers.web.port, 9000);
  assert.equal(config.servers.web.bindIP, "127.0.0.1");
  assert.equal(config.redis.url, "redis://redis:6379");
  assert.equal(config.logger.level, "warn");
});

test("TLS files in the environment switch HTTPS on", () => {
  const { web } = resolveConfig({}, { TLS_KEY_FILE: "k.pem", TLS_CERT_FILE: "c.pem" }).servers;
  assert.deepEqual([web.secure, web.keyFile, web.certFile], [true, "k.pem", "c.pem"]);
});

test("an empty variable is not set", () => {
  assert.equal(resolveConfig({}, { PORT: "", REDIS_URL: "" }).servers.web.port, 8080);
});

test("a bad variable is named", () => {
  assert.match(refused({}, { PORT: "http" })[0]!, /got "http" from the environment variable PORT/);
  assert.match(refused({}, { LOG_LEVEL: "loud" })[0]!, /one of .*"info".* variable LOG_LEVEL/);
});

test("a secret that is refused is not shown", () => {
  const [problem] = refused({ redis: { password: ["hunter2"] } });
  assert.match(problem!, /"redis.password"/);
  assert.doesNotMatch(problem!, /hunter2/);
});

test("whatever comes, it is a configuration or a ConfigError", () => {
  const blocks = [
    "general",
    "servers",
    "faye",
    "topics",
    "redis",
    "cluster",
    "limits",
    "logger",
    "web",
    "__proto__",
  ];
  const input = fc.oneof(fc.anything(), fc.dictionary(fc.constantFrom(...blocks), fc.anything()));
  const env = fc.dictionary(fc.constantFrom("PORT", "HOST", "REDIS_URL", "LOG_LEVEL"), fc.string());
  fc.assert(
    fc.property(input, env, (input, env) => {
      try {
        assert.ok(Object.isFrozen(resolveConfig(input as ConfigInput, env)));
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        assert.ok(error.problems.length > 0);
      }
    }),
    { numRuns: 500 },
  );
});

test("nearest: near, swapped, far", () => {
  assert.equal(nearest("maxMesages", ["maxMessages", "maxBytes"]), "maxMessages");
  assert.equal(nearest("prot", ["port", "part"]), "port");
  assert.equal(nearest("zzzzzz", ["port"]), undefined);
  assert.equal(nearest("", []), undefined);
});

test("every setting says what it is", () => {
  assert.ok(rows.length > 50);
  for (const row of rows) {
    assert.match(row.about.description, /^.{5,}[.]$/s, row.path.join("."));
    assert.doesNotThrow(() => row.type.parse(row.byDefault), row.path.join("."));
  }
});

test("docs/configuration.md is what the declaration says", () =>
  assertPage("configuration.md", configurationReference()));
