/** BAYEUX 5 and cases 182 to 184: acknowledged deliveries, the server's clock, binary data. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { TestServer } from "../support/server.ts";
import { startApp, unique } from "../wire/support/app.ts";
import { Socket } from "../wire/support/door.ts";
import { post } from "../wire/support/http.ts";
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

let server: TestServer;
before(async () => {
  server = await startApp({ hooks: { authorizeChannel: () => true } });
});
after(() => server.close());

/** Whoever acknowledges what it was sent. */
interface Careful {
  readonly clientId: string;
  readonly line: string;
  readonly room: string;
  /** A connect that is not held, and what answers it: deliveries, then the reply. */
  connect(ack?: unknown): Promise<Message[]>;
  say(n: number): Promise<void>;
  close(): Promise<unknown>;
}

const ackOf = ({ ext }: Message): unknown => (ext as { ack?: unknown } | undefined)?.ack;

/** Takes units to the server, and brings what answers each. */
type Carry = (unit: readonly Message[]) => Promise<Message[]>;

async function careful(at: TestServer, carry: Carry, close: () => Promise<unknown>): Promise<Careful> {
  const [shaken] = await carry([handshake({ ext: { ack: true } })]);
  assert.equal(ackOf(shaken!), true);
  const { clientId, connectionId } = minted(shaken!);
  await carry([subscribe(clientId, lineOf(connectionId), { id: "s" })]);
  const room = unique("room");
  await carry([publish(clientId, lineOf(connectionId), { event: "roomChange", room }, { id: "r" })]);
  return {
    clientId,
    line: lineOf(connectionId),
    room,
    connect: (ack) =>
      carry([
        connect(clientId, {
          id: unique("connect"),
          advice: { timeout: 0 },
          ...(ack === undefined ? {} : { ext: { ack } }),
        }),
      ]),
    say: (n) => at.api.rooms.broadcast(room, n),
    close,
  };
}

const DOORS: readonly (readonly [name: string, open: (at: TestServer) => Promise<Careful>])[] = [
  [
    "HTTP",
    (at) =>
      careful(
        at,
        async (unit) => JSON.parse((await post(`${at.url}/faye`, JSON.stringify(unit))).body) as Message[],
        async () => {},
      ),
  ],
  [
    "ws",
    async (at) => {
      const socket = await Socket.open(at.url);
      return careful(
        at,
        async (unit) => {
          const { frames } = socket;
          const from = frames.length;
          const id = unit[0]!.id ?? "h";
          const reply = await socket.one({ ...unit[0]!, id });
          // What came with it, in the same frame.
          const frame = frames.slice(from).map(({ text }) => JSON.parse(text) as Message[]);
          return frame.find((messages) => messages.some((one) => one.id === reply.id))!;
        },
        () => socket.close(),
      );
    },
  ],
];

/** What was said, of what answers a connect; and the number of that batch, which comes last. */
function batch(messages: readonly Message[]): [said: unknown[], ack: number] {
  const reply = messages.at(-1)!;
  assert.equal(isDelivery(reply), false, "the reply comes last");
  assert.equal(reply.successful, true);
  const said = messages
    .map(({ data }) => (data as Message | undefined)?.message)
    .filter((message) => typeof message === "number");
  return [said, ackOf(reply) as number];
}

/** Connects with the same number until all of these have come together: what is not acknowledged comes each time. */
async function owed(client: Careful, ack: unknown, expected: readonly number[]): Promise<number> {
  let number = 0;
  await eventually(async () => {
    const [said, n] = batch(await client.connect(ack));
    assert.deepEqual(said, expected);
    number = n;
  });
  return number;
}

for (const [name, open] of DOORS) {
  describe(`acknowledged deliveries, ${name}`, () => {
    let client: Careful;
    before(async () => {
      client = await open(server);
    });
    after(() => client.close());

    test("182: what was not acknowledged comes again, first and in order", async () => {
      const start = await owed(client, 0, []);
      await client.say(1);
      await client.say(2);
      const ack = await owed(client, start, [1, 2]);
      assert.ok(ack > start);
      await client.say(3);
      const next = await owed(client, start, [1, 2, 3]);
      await owed(client, next, []);
    });

    test("183: 0 after a reload: all that is not acknowledged; a number too large, or none: no failure", async () => {
      const [, start] = batch(await client.connect(0));
      await owed(client, start, []);
      await client.say(4);
      const four = await owed(client, start, [4]);
      await client.say(5);
      await owed(client, 0, [4, 5]);
      const five = await owed(client, four, [5]);
      await owed(client, five, []);
      for (const odd of ["7", null, { ack: 7 }, -1, 1.5, 1e308]) {
        assert.equal((await client.connect(odd)).at(-1)!.successful, true, JSON.stringify(odd));
      }
      await client.say(6);
      const six = await owed(client, -1, [6]);
      // No number is no news: nothing comes again, and nothing is forgotten.
      assert.deepEqual(batch(await client.connect())[0], []);
      await owed(client, -1, [6]);
      await owed(client, six + 1, []);
    });

    test("what the log has forgotten is told as a gap, as often as it is not acknowledged", async () => {
      const small = await startApp({ config: { topics: { maxMessages: 5 } } });
      try {
        const forgetful = await open(small);
        const { room, line } = forgetful;
        const [, start] = batch(await forgetful.connect(0));
        // More than the node itself keeps for its readers.
        const total = 3000;
        for (let n = 0; n < total; n += 1) await forgetful.say(n);
        const gapsOf = (messages: readonly Message[]): Message[] =>
          messages.filter(({ data }) => typeof data === "object" && data !== null && "gap" in data);
        let ack = start;
        for (let n = 0; n < 2; n += 1) {
          const messages = await eventually(async () => {
            const answer = await forgetful.connect(start);
            return batch(answer)[0].at(-1) === total - 1 ? answer : null;
          });
          const [said, number] = batch(messages);
          const missed = total - said.length;
          assert.ok(missed > 0 && said.length >= 5, `${said.length} of ${total} heard`);
          assert.deepEqual(
            said,
            Array.from({ length: said.length }, (_, at) => missed + at),
          );
          const gaps = gapsOf(messages);
          assert.deepEqual(gaps, [{ channel: line, data: { context: "api", gap: { room, missed } } }]);
          const first = messages.find(({ data }) => (data as Message | undefined)?.message === missed);
          assert.ok(messages.indexOf(gaps[0]!) < messages.indexOf(first!));
          ack = number;
        }
        const rest = await forgetful.connect(ack);
        assert.deepEqual([batch(rest)[0], gapsOf(rest)], [[], []]);
        await forgetful.close();
      } finally {
        await small.close();
      }
    });

    test("what no log holds comes again, too: the answer to a verb", async () => {
      const [, start] = batch(await client.connect(0));
      await client.connect(start);
      const [, before] = batch(await client.connect(start));
      await post(
        `${server.url}/faye`,
        JSON.stringify([
          publish(client.clientId, client.line, { event: "detailsView", messageId: "details" }),
        ]),
      );
      const has = (messages: readonly Message[]): boolean =>
        messages.some(({ data }) => (data as Message | undefined)?.messageId === "details");
      const first = await client.connect(before);
      const second = await client.connect(before);
      assert.deepEqual([has(first), has(second)], [true, true]);
      assert.equal(has(await client.connect(batch(second)[1])), false);
    });
  });
}

describe("acknowledged deliveries on a socket", () => {
  test("184: nothing is delivered beside the answers to connects", async () => {
    const socket = await Socket.open(server.url);
    const shaken = await socket.one(handshake({ id: "h", ext: { ack: true } }));
    const { clientId, connectionId } = minted(shaken);
    await socket.one(subscribe(clientId, lineOf(connectionId)));
    await socket.one(
      publish(clientId, lineOf(connectionId), { event: "say", message: "to myself", messageId: 1 }),
    );
    await server.api.connections.send(connectionId, { note: 1 });
    // Answered in order: what was to come on its own would have come before this.
    assert.equal(
      (await socket.one(publish(clientId, lineOf(connectionId), { event: "detailsView" }))).successful,
      true,
    );
    assert.deepEqual(socket.deliveries, []);
    socket.send([connect(clientId, { id: "c", connectionType: "websocket", ext: { ack: 0 } })]);
    await socket.heard.find(({ id }) => id === "c");
    const frame = JSON.parse(socket.frames.at(-1)!.text) as Message[];
    assert.equal(frame.at(-1)!.id, "c");
    assert.ok(frame.some(({ data }) => (data as Message | undefined)?.note === 1));
    await socket.close();
  });

  test("a held connect is answered as soon as there is something", async () => {
    const socket = await Socket.open(server.url);
    const { clientId, connectionId } = minted(await socket.one(handshake({ id: "h", ext: { ack: true } })));
    await socket.one(subscribe(clientId, lineOf(connectionId)));
    const first = await socket.one(
      connect(clientId, { id: "c0", connectionType: "websocket", ext: { ack: 0 } }),
    );
    socket.send([connect(clientId, { id: "c1", connectionType: "websocket", ext: { ack: ackOf(first) } })]);
    await server.api.connections.send(connectionId, { note: 2 });
    await socket.heard.find(({ id }) => id === "c1");
    const frame = JSON.parse(socket.frames.at(-1)!.text) as Message[];
    assert.deepEqual(
      frame.map(({ id, data }) => id ?? (data as Message).note),
      [2, "c1"],
    );
    await socket.close();
  });
});

test("whoever does not ask for acknowledgements has none", async () => {
  for (const ack of [undefined, false, "true", { enabled: false }]) {
    const { body } = await post(`${server.url}/faye`, JSON.stringify([handshake({ ext: { ack } })]));
    const [shaken] = JSON.parse(body) as Message[];
    assert.equal(ackOf(shaken!), undefined);
    const { clientId } = minted(shaken!);
    const answer = await post(
      `${server.url}/faye`,
      JSON.stringify([connect(clientId, { advice: { timeout: 0 }, ext: { ack: 0 } })]),
    );
    assert.equal((JSON.parse(answer.body) as Message[])[0]!.ext, undefined);
  }
});

test("timesync: the server's clock, and how long a connect was held", async () => {
  const tc = Date.now();
  const asked = { timesync: { tc, l: 10, o: 20 } };
  const { body } = await post(`${server.url}/faye`, JSON.stringify([handshake({ ext: asked })]));
  const [shaken] = JSON.parse(body) as Message[];
  const told = (shaken!.ext as { timesync: Record<string, number> }).timesync;
  assert.equal(told.tc, tc);
  assert.ok(Math.abs(told.ts! - tc) < 5_000 && told.p! >= 0);
  assert.equal(told.a, tc + 20 + 10 - told.ts!);
  const { clientId } = minted(shaken!);
  const held = await post(
    `${server.url}/faye`,
    JSON.stringify([connect(clientId, { advice: { timeout: 300 }, ext: asked })]),
  );
  const [reply] = JSON.parse(held.body) as Message[];
  assert.ok((reply!.ext as { timesync: Record<string, number> }).timesync.p! >= 200);
  for (const timesync of [null, 1, "x", {}, { tc: "1" }, { tc: 1, l: "2" }]) {
    const { body } = await post(`${server.url}/faye`, JSON.stringify([handshake({ ext: { timesync } })]));
    assert.equal(((JSON.parse(body) as Message[])[0]!.ext as Message).timesync, undefined);
  }
});

test("binary: what is needed to read the data is delivered with it, the rest of a publisher's ext is not", async () => {
  const channel = `/${unique("binary")}`;
  const socket = await Socket.open(server.url);
  const clientId = await socket.session();
  await socket.one(subscribe(clientId, channel));
  socket.send([connect(clientId, { id: "c", connectionType: "websocket" })]);
  const data = { meta: { name: "file" }, data: "HelloWorld", last: true };
  await socket.one(publish(clientId, channel, data, { ext: { binary: {}, token: "secret" } }));
  assert.deepEqual(await socket.heard.find((message) => isDelivery(message)), {
    channel,
    ext: { binary: {} },
    data,
  });
  await socket.close();
});
