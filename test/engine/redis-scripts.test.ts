import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { encodeName, Keys } from "../../src/engine/redis/keys.ts";
import { declarationOf, ownParts, type ScriptName, scriptNames } from "../../src/engine/redis/scripts.ts";
import { keyParameters, strangeKeys } from "./lua-keys.ts";

const folder = new URL("../../src/engine/redis/lua/", import.meta.url);
const source = (name: string): string => readFileSync(new URL(`${name}.lua`, folder), "utf8");
const filesIn = (path: string): string[] =>
  readdirSync(new URL(path, folder))
    .filter((file) => file.endsWith(".lua"))
    .map((file) => file.slice(0, -".lua".length));

/** What is written after `-- name:` in a script's header. */
const header = (name: string, field: string): string | undefined =>
  new RegExp(`^-- ${field}: (.+)$`, "m").exec(source(name))?.[1];

const words = (text: string | undefined): string[] =>
  text === undefined || text === "none" ? [] : text.split(" ");

/** XMODEM: as Redis Cluster specifies. */
function crc16(text: string): number {
  let crc = 0;
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}

/** What is between the first brace and the first one after it that closes, if that is anything, decides. */
function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = key.indexOf("}", open + 1);
  return crc16(open >= 0 && close > open + 1 ? key.slice(open + 1, close) : key) % 16_384;
}

describe("the scripts of the Redis engine", () => {
  test("the table has every file of lua/, and no other", () => {
    assert.deepEqual([...scriptNames].sort(), filesIn("./").sort());
  });

  for (const name of scriptNames) {
    test(`${name}.lua says in its header what the table says`, () => {
      const { keys, args, fields, codes } = declarationOf(name);
      assert.deepEqual(words(header(name, "KEYS")), keys);
      assert.deepEqual(words(header(name, "ARGV")), [...args, ...(fields ? ["fields…"] : [])]);
      assert.deepEqual(words(header(name, "codes")).sort(), [...codes].sort());
      assert.match(source(name), /^#!lua( flags=[a-z-]+)?\n-- [A-Z]/);
      assert.ok(header(name, "returns"), "what it returns is not said");
    });

    test(`${name}.lua uses the parts of lua/lib that its header names`, () => {
      const named = words(header(name, "uses"));
      const text = [source(name), ...named.map(ownParts)].join("\n");
      for (const part of filesIn("lib/")) {
        const defined = [...ownParts(part).matchAll(/^local function (\w+)/gm)].map(([, word]) => word!);
        const used = defined.some((word) => new RegExp(`(?<!local function )\\b${word}\\b`).test(text));
        assert.equal(named.includes(part), used, `${part}: ${used ? "used, not named" : "named, not used"}`);
      }
    });
  }

  const commands = (text: string): Set<string> =>
    new Set([...text.matchAll(/redis\.call\('(\w+)'/g)].map(([, command]) => command!));

  test("every command that append.lua runs after its first write is asked for before", () => {
    const asked = new Set(
      [...ownParts("storing").matchAll(/'([A-Z]+)'[,} ]/g)].map(([, command]) => command!),
    );
    const all = ["topic", "party", "outcomes"].map(ownParts).concat(source("append"));
    // Run before anything is written, or of other scripts alone.
    for (const command of ["HMGET", "EXISTS", "DEL", "ZCARD", "HEXISTS"]) asked.add(command);
    assert.deepEqual([...commands(all.join("\n"))].sort(), [...asked].sort());
  });

  test("every command that any of them runs is tried out by probe.lua", () => {
    const others = [
      ...scriptNames.filter((name) => name !== "probe").map(source),
      ...filesIn("lib/").map(ownParts),
    ];
    assert.deepEqual([...commands(source("probe"))].sort(), [...commands(others.join("\n"))].sort());
  });
});

describe("the keys that scripts hand to Redis", () => {
  const parts = filesIn("lib/").map(ownParts).join("\n");

  for (const name of scriptNames) {
    test(`${name}.lua makes none itself: all come from KEYS`, () =>
      assert.deepEqual(strangeKeys(source(name), parts), []));
  }

  test("the functions of lua/lib are handed theirs", () => {
    const { open_topic, enter_party, store_entry, release_topic, free_line, gather } = keyParameters(parts);
    assert.deepEqual(
      { open_topic, enter_party, store_entry, release_topic, free_line, gather },
      {
        open_topic: ["keys"],
        enter_party: ["key"],
        store_entry: ["topic", "channel"],
        release_topic: ["meta", "members", "line"],
        free_line: ["line"],
        gather: ["topic", "members", "infos"],
      },
    );
  });

  const begin = "local meta, party_key, channel = unpack(KEYS)\nlocal id, epoch = unpack(ARGV)\n";
  for (const [what, script, parts] of [
    ["a text", "redis.call('HGET', 'ns:meta', 'a')"],
    ["a key with something behind it", "redis.call('HGET', meta .. ':x', 'a')"],
    ["a text that is put together", "redis.call('SET', string.format('%s:x', meta), 1)"],
    ["an argument", "redis.call('HGET', id, 'a')"],
    ["one of several", "redis.call('DEL', meta, id)"],
    ["a name for a text", "local other = meta .. ':x'\nredis.call('HGET', other, 'a')"],
    ["a name that was a key", "meta = meta .. ':x'\nredis.call('HGET', meta, 'a')"],
    ["a channel", "redis.call('SPUBLISH', 'push:' .. id, '')"],
    ["what a function is handed", "local party = enter_party('party:' .. id, 1, epoch)"],
    ["what a topic is made of", "local topic = open_topic({ meta = meta, messages = id }, id, epoch)"],
    ["what a function makes", "", "local function f(key)\n  return redis.call('GET', 'k' .. key)\nend"],
    ["a command without a name", "redis.call(id, meta)"],
    ["one that may fail", "redis.pcall('GET', id)"],
  ]) {
    test(`${what} is told`, () => {
      const given = filesIn("lib/").map(ownParts).join("\n");
      assert.equal(strangeKeys(begin + script, parts ? `${given}\n${parts}` : given).length, 1);
    });
  }
});

describe("the keys of the Redis engine", () => {
  test("slots are those of Redis Cluster", () => {
    // From the specification.
    assert.equal(slotOf("123456789"), 0x31c3);
    assert.equal(slotOf("{user1000}.following"), slotOf("user1000"));
    assert.equal(slotOf("foo{}{bar}"), crc16("foo{}{bar}") % 16_384);
  });

  /** Everything of one topic, one connection, one node, by the names that the scripts use. */
  const families = (keys: Keys, name: string, id: string): Record<string, string>[] => [
    { ...keys.topic(name), party: keys.party(name, id) },
    { ...keys.connection(name) },
    { ...keys.node(name) },
    { leases: keys.leases },
    { ...keys.probe },
  ];

  test("all keys of a script share a slot, whatever the names", () => {
    const name = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("{", "}", "{}", "a}{b", "%007b", ""),
    );
    fc.assert(
      fc.property(name, name, (topic, id) => {
        for (const family of families(new Keys("ns"), topic, id))
          assert.equal(new Set(Object.values(family).map(slotOf)).size, 1);
      }),
    );
    const known = families(new Keys("ns"), "t", "i");
    for (const script of scriptNames) {
      const { keys } = declarationOf(script as ScriptName);
      assert.ok(
        known.some((family) => keys.every((key) => key in family)),
        `${script} has keys of several families: ${keys.join(" ")}`,
      );
    }
  });

  test("no two names meet in one key", () => {
    const name = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("a:b", "a%003ab", "party:x", "😀", "\ud83d"),
    );
    fc.assert(
      fc.property(name, name, (one, other) => {
        fc.pre(one !== other);
        assert.notEqual(encodeName(one), encodeName(other));
      }),
    );
    assert.match(encodeName("room:{a} b\u0000é"), /^[A-Za-z0-9_.:@%-]+$/);
  });

  test("a namespace that could break out of a key is refused", () => {
    for (const namespace of ["", "a{b}", "a b", "a:b", "x".repeat(65)])
      assert.throws(() => new Keys(namespace));
  });
});
