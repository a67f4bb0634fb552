import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  isChannel,
  isMeta,
  isPattern,
  isService,
  isWildcard,
  matches,
  patternsOf,
} from "../../src/bayeux/index.ts";

const CHANNELS = ["/foo", "/foo/bar/baz", "/-_!~()$@", "/A", "/META/connect", "/__proto__", "/meta/connect"];
const WILDCARDS = ["/*", "/**", "/foo/*", "/foo/**", "/a/b/**"];
const NEITHER = [
  "",
  "foo",
  "/",
  "/foo/",
  "//foo",
  "/foo//bar",
  "/foo.bar",
  "/foo bar",
  "/a+b",
  "/foo#x",
  "/foo?x",
  "/föö",
  "/meta/connect\n",
  "/f*o",
  "/foo/*/bar",
  "/***",
  "*",
  "/foo*",
];

describe("channel grammar (cases 1-15, 84, 89)", () => {
  for (const name of CHANNELS) {
    test(`${name} is a channel`, () => {
      assert.equal(isChannel(name), true);
      assert.equal(isPattern(name), true);
      assert.equal(isWildcard(name), false);
    });
  }
  for (const name of WILDCARDS) {
    test(`${name} is a wildcard`, () => {
      assert.equal(isChannel(name), false);
      assert.equal(isPattern(name), true);
      assert.equal(isWildcard(name), true);
    });
  }
  for (const name of NEITHER) {
    test(`${JSON.stringify(name)} is nothing`, () => {
      assert.equal(isChannel(name), false);
      assert.equal(isPattern(name), false);
    });
  }
});

describe("limits of a name (case 19)", () => {
  test("255 bytes pass, 256 do not", () => {
    assert.equal(isChannel(`/${"a".repeat(254)}`), true);
    assert.equal(isChannel(`/${"a".repeat(255)}`), false);
    assert.equal(isPattern(`/${"a".repeat(252)}/*`), true);
    assert.equal(isPattern(`/${"a".repeat(253)}/*`), false);
  });

  test("16 segments pass, 17 do not", () => {
    assert.equal(isChannel("/a".repeat(16)), true);
    assert.equal(isChannel("/a".repeat(17)), false);
    assert.equal(isPattern(`${"/a".repeat(16)}/*`), false);
  });

  test("both are parameters", () => {
    assert.equal(isChannel("/abc", { channelBytes: 3, channelSegments: 16 }), false);
    assert.equal(isChannel("/a/b", { channelBytes: 255, channelSegments: 1 }), false);
  });
});

test("a message is looked up under its segments + 2 names", () => {
  assert.deepEqual(patternsOf("/a/b/c").sort(), ["/**", "/a/**", "/a/b/**", "/a/b/*", "/a/b/c"].sort());
  assert.deepEqual(patternsOf("/a").sort(), ["/**", "/*", "/a"].sort());
});

test("* is exactly one more segment, ** one or more (case 87)", () => {
  const table: [string, string, boolean][] = [
    ["/foo/*", "/foo/a", true],
    ["/foo/*", "/foo", false],
    ["/foo/*", "/foo/a/b", false],
    ["/foo/**", "/foo/a/b", true],
    ["/foo/**", "/foo", false],
    ["/foo/**", "/foob/a", false],
    ["/*", "/a", true],
    ["/*", "/a/b", false],
    ["/**", "/a/b", true],
    ["/a", "/A", false],
  ];
  for (const [pattern, channel, expected] of table) {
    assert.equal(matches(pattern, channel), expected, `${pattern} against ${channel}`);
  }
});

test("meta and service are the first segment, exactly", () => {
  assert.deepEqual(["/meta", "/meta/x", "/metal", "/META/x"].map(isMeta), [true, true, false, false]);
  assert.deepEqual(["/service", "/service/*", "/services/x"].map(isService), [true, true, false]);
});

const segment = fc.stringMatching(/^[A-Za-z0-9\-_!~()$@]{1,6}$/);
const channel = fc.array(segment, { minLength: 1, maxLength: 6 }).map((parts) => `/${parts.join("/")}`);

describe("properties", () => {
  test("patternsOf and matches say the same", () => {
    fc.assert(
      fc.property(channel, channel, (one, other) => {
        for (const pattern of [...patternsOf(one), ...patternsOf(other)]) {
          assert.equal(matches(pattern, one), patternsOf(one).includes(pattern));
        }
      }),
    );
  });

  test("every pattern of a channel is a pattern, each once", () => {
    fc.assert(
      fc.property(channel, (name) => {
        const patterns = patternsOf(name);
        assert.equal(new Set(patterns).size, patterns.length);
        assert.ok(patterns.every((pattern) => isPattern(pattern)));
        assert.equal(patterns.filter((pattern) => isChannel(pattern)).length, 1);
      }),
    );
  });

  test("a pattern is a channel or a wildcard, never both", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.equal(isPattern(text), isChannel(text) !== isWildcard(text));
      }),
    );
  });
});
