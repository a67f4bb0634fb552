/** A node goes down while its clients are busy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Runner } from "../../src/actions/runner.ts";
import type { Link } from "../../src/sessions/gateway.ts";
import {
  connect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";
import { World } from "./world.ts";

const DRAIN = 4_000;
const config = { cluster: { lease: 4, drain: DRAIN / 1000 } };

/** A socket: what it was told, and how it was closed. */
function socket(w: World): { link: Link; told: Message[]; closed: number[] } {
  const told: Message[] = [];
  const closed: number[] = [];
  const link: Link = {
    ...w.link,
    transport: "websocket",
    once: false,
    send: (text) => told.push(...(JSON.parse(text) as Message[])),
    close: (code) => closed.push(code),
  };
  return { link, told, closed };
}

/** Actions that take as long as they are asked to, and where they were run. */
function working(w: World, name: string, ran: string[]): Partial<Runner> {
  return {
    promises: () => ({ idempotent: false, journal: false, timeout: 60_000 }),
    async run({ params }) {
      ran.push(`${name} ${params.action}`);
      await new Promise<void>((resolve) => w.clock.after(Number(params.ms), resolve));
      return { ok: true, response: { done: params.action } };
    },
  };
}

const asked = (action: string, ms: number) => ({
  event: "action",
  params: { action, ms },
  messageId: action,
});
const ours = { ext: { actionwire: { positions: {} } } };

test("while an action runs its node sends everybody elsewhere in half of its time; its response comes there", async () => {
  const w = new World(config);
  const ran: string[] = [];
  const first = await w.node(undefined, working(w, "first", ran));
  const second = await w.node(undefined, working(w, "second", ran));
  const { clientId, line, token } = await w.begin(first.node);
  const { link, told, closed } = socket(w);
  first.node.gateway.receive([connect(clientId, { connectionType: "websocket", ...ours })], link);
  await w.post(first.node, publish(clientId, line, asked("long", 3_000)));
  const stock = socket(w);
  const other = minted((await w.post(first.node, handshake()))[0]!);
  await w.post(first.node, subscribe(other.clientId, lineOf(other.connectionId)));
  first.node.gateway.receive([connect(other.clientId, { connectionType: "websocket" })], stock.link);
  let stopped = false;
  void first.node.stop(DRAIN).then(() => {
    stopped = true;
  });
  await w.clock.advance(DRAIN / 2 + 200);
  assert.equal(stopped, false);
  const { successful, error, advice } = told.find(({ channel }) => channel === "/meta/connect")!;
  assert.deepEqual([successful, String(error).slice(0, 3)], [false, "401"]);
  assert.equal((advice as { reconnect: string }).reconnect, "handshake");
  assert.equal(stock.told.findLast(({ channel }) => channel === "/meta/connect")!.successful, true);
  assert.deepEqual(stock.closed, [1001]);
  assert.ok(second.node.counts().sessions > 0, "the other client's session has been handed over");
  await w.clock.advance(1_000);
  assert.deepEqual(closed, [1001], "nobody closed it");
  const back = minted(await w.resume(second.node, token)).clientId;
  await w.clock.advance(2_000);
  assert.equal(stopped, true);
  await w.poll(second.node, back);
  await w.post(second.node, publish(back, line, { ...asked("long", 3_000), resend: true }));
  const responses = (await w.poll(second.node, back)).filter(
    ({ data }) => (data as Message)?.done === "long",
  );
  assert.equal(responses.length, 1);
  assert.deepEqual(ran, ["first long"]);
});

test("what is asked of a node in its last moment is done by another one", async () => {
  const w = new World(config);
  const ran: string[] = [];
  const first = await w.node(undefined, working(w, "first", ran));
  const second = await w.node(undefined, working(w, "second", ran));
  const { clientId, line, token } = await w.begin(first.node);
  const { link, told } = socket(w);
  first.node.gateway.receive([connect(clientId, { connectionType: "websocket", ...ours })], link);
  await w.clock.advance(100);
  const stopped = first.node.stop(DRAIN);
  await w.clock.advance(50);
  assert.equal(told.at(-1)!.channel, "/meta/connect");
  first.node.gateway.receive([publish(clientId, line, asked("late", 0), { id: "late" })], link);
  await w.clock.advance(100);
  assert.equal(told.find(({ id }) => id === "late")!.successful, true);
  await w.clock.advance(1_000);
  await stopped;
  assert.deepEqual(ran, ["second late"]);
  const back = minted(await w.resume(second.node, token)).clientId;
  await w.poll(second.node, back);
  await w.post(second.node, publish(back, line, { ...asked("late", 0), resend: true }));
  const [response] = (await w.poll(second.node, back)).filter(
    ({ data }) => (data as Message)?.messageId === "late",
  );
  assert.equal((response!.data as Message).done, "late");
  assert.deepEqual(ran, ["second late"]);
});

test("where there is no other node it says so, and to ours that it is going down", async () => {
  const w = new World(config);
  const { node } = await w.node();
  const { clientId, line } = await w.begin(node);
  const { link, told } = socket(w);
  node.gateway.receive([connect(clientId, { connectionType: "websocket", ...ours })], link);
  await w.clock.advance(100);
  const stopped = node.stop(DRAIN);
  await w.clock.advance(50);
  node.gateway.receive([publish(clientId, line, asked("late", 0), { id: "late" })], link);
  await w.clock.advance(1_000);
  await stopped;
  const { successful, error, ext } = told.find(({ id }) => id === "late")!;
  assert.deepEqual([successful, error], [false, "503::Service unavailable"]);
  assert.deepEqual(ext, { actionwire: { stopping: true } });
});
