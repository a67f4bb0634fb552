/**
 * What the hot paths cost, in counts that are the same on every machine: writes, frames, texts that are encoded. Timings are the
 * bench's. What a say costs on Redis is counted in test/cluster/costs.test.ts.
 */
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, beforeEach, describe, mock, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Session } from "../../src/sessions/session.ts";
import { range } from "../cuts/stage.ts";
import { closeAll, eventually } from "../support/index.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { HttpDoor, Socket } from "../wire/support/door.ts";
import {
  connect,
  handshake,
  isDelivery,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";

const BURST = 16;
const OURS = { ext: { actionwire: { client: "test" } } };
const TEXT = "x".repeat(100);

let server: TestServer;
let room = "";
let rooms = 0;
before(async () => {
  // Entering is announced nowhere: an announcement more or less would be a frame more or less.
  server = await startServer({ config: { general: { announceMembers: false } } });
});
after(() => server.close());
beforeEach(() => {
  rooms += 1;
  room = `room ${rooms}`;
});

interface Member {
  readonly socket: Socket;
  readonly clientId: string;
  readonly line: string;
}

/** A connection in the room on a socket of its own, with nothing more to come. */
async function member(more: object = OURS): Promise<Member> {
  const socket = await Socket.open(server.url);
  const { clientId, connectionId } = minted(await socket.one(handshake(more)));
  const line = lineOf(connectionId);
  await socket.one(subscribe(clientId, line));
  socket.send([connect(clientId, { connectionType: "websocket" })]);
  await socket.one(publish(clientId, line, { event: "roomChange", room, messageId: "in" }));
  await socket.heard.find(({ data }) => (data as Message | undefined)?.messageId === "in");
  return { socket, clientId, line };
}

const members = (count: number, more?: object): Promise<Member[]> =>
  Promise.all(range(0, count).map(() => member(more)));

const saying = ({ clientId, line }: Member, n: number): Message =>
  publish(clientId, line, { event: "say", message: `${n} ${TEXT}` }, { id: `say${n}` });

const isSaid = ({ data }: Message): boolean => (data as Message | undefined)?.context === "user";

/** The says that each of them has heard, and the frames in which they came. */
function heardBy({ socket }: Member): { says: number; frames: string[] } {
  const frames = socket.frames
    .map(({ text }) => text)
    .filter((text) => (JSON.parse(text) as Message[]).some(isSaid));
  return { says: socket.heard.all.filter(isSaid).length, frames };
}

const hear = (all: readonly Member[], count: number): Promise<unknown> =>
  eventually(() => all.every((one) => heardBy(one).says === count));

/** What the server wrote meanwhile of what somebody said: unmasked frames, as only servers send them. */
async function written(act: () => Promise<unknown>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  const write = net.Socket.prototype.write;
  const spy = mock.method(
    net.Socket.prototype,
    "write",
    function (this: net.Socket, ...args: Parameters<typeof write>) {
      const [chunk] = args;
      if (chunk instanceof Uint8Array && chunk[0] === 0x81 && Buffer.from(chunk).includes(TEXT))
        chunks.push(chunk);
      return write.apply(this, args);
    },
  );
  try {
    await act();
  } finally {
    spy.mock.restore();
  }
  return chunks;
}

describe("fan-out", () => {
  test("a burst is one frame and one write for each of our members, and one buffer for all of them", async () => {
    const [speaker, ...others] = (await members(21)) as [Member, ...Member[]];
    const chunks = await written(async () => {
      speaker.socket.send(range(0, BURST).map((n) => saying(speaker, n)));
      await hear(others, BURST);
    });
    assert.equal(chunks.length, others.length);
    assert.equal(new Set(chunks).size, 1);
    for (const one of others) assert.equal(heardBy(one).frames.length, 1);
    await closeAll(speaker.socket, ...others.map(({ socket }) => socket));
  });

  test("of other members each has a frame of his own, and still one write", async () => {
    const [speaker, ...others] = (await members(11, {})) as [Member, ...Member[]];
    const chunks = await written(async () => {
      speaker.socket.send(range(0, BURST).map((n) => saying(speaker, n)));
      await hear(others, BURST);
    });
    assert.equal(chunks.length, others.length);
    await closeAll(speaker.socket, ...others.map(({ socket }) => socket));
  });

  test("what is said is encoded once, however many hear it", async () => {
    for (const count of [3, 60]) {
      rooms += 1;
      room = `room ${rooms}`;
      const [speaker, ...others] = (await members(count)) as [Member, ...Member[]];
      // Numbered, as ours does it: what is not has to be recognised by its text.
      const said = JSON.stringify([{ ...saying(speaker, 0), ext: { actionwire: { room, n: 1 } } }]);
      const spy = mock.method(JSON, "stringify");
      speaker.socket.ws.send(said);
      await hear(others, 1);
      const encoded = spy.mock.calls.filter(({ result }) => String(result).includes(TEXT));
      spy.mock.restore();
      assert.equal(encoded.length, 1, `${count} members`);
      await closeAll(speaker.socket, ...others.map(({ socket }) => socket));
    }
  });

  test("around its text a delivery to ours has fewer than 300 bytes", async () => {
    const [speaker, listener] = (await members(2)) as [Member, Member];
    speaker.socket.send([saying(speaker, 1)]);
    await hear([listener], 1);
    const [frame] = heardBy(listener).frames;
    assert.ok(frame!.length - TEXT.length < 300, `${frame!.length - TEXT.length} bytes`);
    await closeAll(speaker.socket, listener.socket);
  });
});

test("a poll brings a whole burst, and the reply to the connect, in one answer", async () => {
  const door = new HttpDoor(server.url);
  const { clientId, connectionId } = minted(await door.one(handshake()));
  const line = lineOf(connectionId);
  await door.one(subscribe(clientId, line));
  await door.one(publish(clientId, line, { event: "roomChange", room, messageId: "in" }));
  await eventually(async () => {
    const answer = await door.send([connect(clientId, { advice: { timeout: 0 } })], 1);
    return answer.some(({ data }) => (data as Message | undefined)?.messageId === "in");
  });
  const speaker = await member();
  const held = door.send([connect(clientId)], 1);
  await sleep(50);
  speaker.socket.send(range(0, BURST).map((n) => saying(speaker, n)));
  assert.equal((await held).filter(isDelivery).length, BURST);
  await closeAll(speaker.socket);
});

test("actions that are asked for in one frame are answered in one", async () => {
  const asker = await member();
  const { socket, clientId, line } = asker;
  await eventually(() => socket.heard.all.length > 0);
  const before = socket.frames.length;
  const ask = (n: number): Message =>
    publish(
      clientId,
      line,
      { event: "action", params: { action: "none" }, messageId: `${n}` },
      { id: `ask${n}` },
    );
  socket.send(range(0, BURST).map(ask));
  const answers = () =>
    socket.heard.all.filter(({ data }) => /^\d+$/.test(String((data as Message | undefined)?.messageId)));
  await eventually(() => answers().length === BURST);
  assert.equal(socket.frames.length - before, 1);
  await closeAll(socket);
});

test("of members who are carried and silent the sweep looks at none", async () => {
  const all = await members(10);
  // What was to be written down of their coming is written within a second or two.
  await sleep(2_500);
  const ticks = mock.method(Session.prototype, "tick");
  const checkpoints = mock.method(Session.prototype, "checkpoint");
  await sleep(1_500);
  const counts = [ticks.mock.callCount(), checkpoints.mock.callCount()];
  mock.restoreAll();
  assert.deepEqual(counts, [0, 0]);
  await closeAll(...all.map(({ socket }) => socket));
});
