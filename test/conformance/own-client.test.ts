/** docs/protocol.md §6, by hand: what our own client adds to Bayeux. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { after, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { TestServer } from "../support/server.ts";
import { counted, startApp, TIMEOUT, unique } from "../wire/support/app.ts";
import { type Door, HttpDoor, Socket, SocketDoor } from "../wire/support/door.ts";
import { begin } from "../wire/support/http.ts";
import {
  again,
  connect,
  disconnect,
  handshake,
  isDelivery,
  lineOf,
  type Message,
  publish,
  subscribe,
} from "../wire/support/messages.ts";
import { metricIs } from "../wire/support/metrics.ts";

const GRACE = 120;

let server: TestServer;
before(async () => {
  server = await startApp();
});
after(() => server.close());

const DOORS: readonly (readonly [name: string, open: () => Promise<Door>])[] = [
  ["HTTP", async () => new HttpDoor(server.url)],
  ["ws", async () => new SocketDoor(await Socket.open(server.url))],
];

interface Resumed {
  readonly token: string;
  readonly resumed: boolean;
  readonly [field: string]: unknown;
}

const wireOf = ({ ext }: Message): Message => ((ext as Message | undefined)?.actionwire ?? {}) as Message;

const ours = (resume?: object): Message => handshake({ id: "h", ext: { actionwire: { client: 1, resume } } });

/** What a failed handshake is answered with. */
const turnedAway = (error: string, reconnect: string): Message => ({
  id: "h",
  channel: "/meta/handshake",
  successful: false,
  error,
  advice: { reconnect, interval: 0, timeout: TIMEOUT * 1000 },
});

/** The 401 that comes to an old clientId. */
const unknown = (clientId: string, message: Message, advice?: object): Message => ({
  ...message,
  successful: false,
  error: `401:${clientId}:Unknown client`,
  ...(advice === undefined ? {} : { advice }),
});

/** A session of a client that does what §6 asks of it. */
class Own {
  readonly door: Door;
  readonly clientId: string;
  readonly connectionId: string;
  readonly resume: Resumed;
  /** The last position of each topic. */
  readonly positions: Record<string, string>;
  readonly #fetched: Message[] = [];
  #read = 0;

  private constructor(door: Door, reply: Message, positions: Record<string, string>) {
    this.door = door;
    this.clientId = String(reply.clientId);
    const { connectionId, resume } = wireOf(reply) as { connectionId: string; resume: Resumed };
    this.connectionId = connectionId;
    this.resume = resume;
    this.positions = { ...positions };
  }

  static async open(door: Door, resume?: object, positions: Record<string, string> = {}): Promise<Own> {
    const shaken = await door.one(ours(resume && { positions, ...resume }));
    assert.equal(shaken.successful, true);
    const own = new Own(door, shaken, positions);
    assert.equal((await own.send(subscribe(own.clientId, own.line))).successful, true);
    return own;
  }

  /** A session that goes on where this one is, through another door. */
  next(door: Door, token = this.resume.token, more: object = {}): Promise<Own> {
    return Own.open(door, { token, ...more }, this.positions);
  }

  get line(): string {
    return lineOf(this.connectionId);
  }

  /** Everything that was delivered so far. */
  get heard(): readonly Message[] {
    const { door } = this;
    return door instanceof SocketDoor ? door.socket.deliveries : this.#fetched;
  }

  async send(message: Message): Promise<Message> {
    const answer = await this.door.send([message], 1);
    this.#fetched.push(...answer.filter(isDelivery));
    this.#keep();
    return answer.find((one) => !isDelivery(one))!;
  }

  /** Takes over what the deliveries say of positions. */
  #keep(): void {
    for (const message of this.heard.slice(this.#read)) {
      const { topic, position, joined, left } = wireOf(message) as {
        topic?: string;
        position?: string;
        joined?: { topic: string; position: string };
        left?: string;
      };
      if (topic !== undefined && position !== undefined) this.positions[topic] = position;
      if (joined !== undefined) this.positions[joined.topic] ??= joined.position;
      if (left !== undefined) delete this.positions[left];
    }
    this.#read = this.heard.length;
  }

  connect(): Promise<Message> {
    const connectionType = this.door.name === "ws" ? "websocket" : "long-polling";
    const ext = { actionwire: { positions: this.positions } };
    return this.send(
      connect(this.clientId, { id: unique("c"), connectionType, advice: { timeout: 0 }, ext }),
    );
  }

  /** The first delivery, from the one numbered `from` on, of which this is so. */
  hears(fits: (data: Message, message: Message) => boolean, from = 0): Promise<Message> {
    return eventually(async () => {
      assert.equal((await this.connect()).successful, true);
      return this.heard.slice(from).find((message) => fits((message.data ?? {}) as Message, message)) ?? null;
    });
  }

  /** What answers something that is asked on the line. */
  async ask(data: object, actionwire?: object, messageId = unique("m")): Promise<Message> {
    const from = this.heard.length;
    const ext = actionwire === undefined ? {} : { ext: { actionwire } };
    const asked = publish(this.clientId, this.line, { ...data, messageId }, { id: unique("p"), ...ext });
    assert.equal((await this.send(asked)).successful, true);
    return this.hears((answer) => answer.messageId === messageId, from);
  }

  async roomChange(room: string, n: number): Promise<Message> {
    return this.ask({ event: "roomChange", room }, { n });
  }

  async say(message: string, room: string | null, n: number): Promise<Message> {
    const answer = (await this.ask({ event: "say", message }, { room, n })).data as Message;
    const { messageCount: _count, messageId: _id, context, ...rest } = answer;
    assert.equal(context, "response");
    return rest;
  }
}

const OK = { status: "OK", data: null };
const refusal = (code: string, text: string, more: object): Message => ({
  status: text,
  error: text,
  code,
  data: null,
  ...more,
});
const tooEarly = (last: number): Message => refusal("earlier_missing", "an earlier one is missing", { last });

/** What was said in a room, as the server has it. */
async function saidIn(room: string, act: () => Promise<void>): Promise<unknown[]> {
  const door = new SocketDoor(await Socket.open(server.url));
  try {
    const witness = await Own.open(door);
    await witness.connect();
    await witness.roomChange(room, 1);
    await act();
    await server.api.rooms.broadcast(room, "end");
    await witness.hears(({ message }) => message === "end");
    return witness.heard
      .map(({ data }) => data as Message)
      .filter(({ context, from }) => context === "user" && from !== null)
      .map(({ message }) => message)
      .filter((message) => !/^I have/.test(String(message)));
  } finally {
    await door.close();
  }
}

for (const [name, open] of DOORS) {
  describe(`our own client, ${name}`, { concurrency: 4 }, () => {
    const doors: Door[] = [];
    const door = async (): Promise<Door> => {
      const opened = await open();
      doors.push(opened);
      return opened;
    };
    after(() => Promise.all(doors.map((one) => one.close())));

    test("the handshake reply: whose it is, what resumes it, what is taken", async () => {
      for (const asked of [handshake({ id: "h" }), ours(), ours({ token: "none", positions: {} })]) {
        const { clientId: _secret, ext, ...reply } = await (await door()).one(asked);
        assert.deepEqual(reply, {
          id: "h",
          channel: "/meta/handshake",
          version: "1.0",
          successful: true,
          supportedConnectionTypes: [
            "websocket",
            "eventsource",
            "long-polling",
            "cross-origin-long-polling",
            "callback-polling",
          ],
          advice: again(TIMEOUT),
        });
        const { connectionId, resume, ...more } = (ext as { actionwire: Message }).actionwire;
        const { token, ...rest } = resume as Message;
        assert.deepEqual([typeof connectionId, typeof token], ["string", "string"]);
        assert.deepEqual(rest, { grace: GRACE, resumed: false });
        assert.deepEqual(more, { limits: { message: server.config.limits.messageBytes } });
      }
    });

    test("the first welcome names the room's topic and where the membership began; deliveries wait for positions", async () => {
      const own = await Own.open(await door());
      assert.deepEqual(own.heard, []);
      const welcome = await own.hears((data) => "welcome" in data);
      assert.equal(welcome.channel, "/actionwire");
      const { joined, ...rest } = wireOf(welcome) as { joined: Message };
      assert.deepEqual(rest, {});
      const { position, ...of } = joined;
      assert.equal(typeof position, "string");
      assert.deepEqual(of, { topic: "room:defaultRoom", room: "defaultRoom", last: 0 });
    });

    test("the resume reply says where the connection is; the line is not greeted again", async () => {
      const own = await Own.open(await door());
      await own.connect();
      const [room, other] = [unique("room"), unique("other")];
      const entered = wireOf(await own.roomChange(room, 1)) as { joined: Message; left: string };
      assert.deepEqual(
        [entered.joined.topic, entered.joined.room, entered.joined.last, entered.left],
        [`room:${room}`, room, 0, "room:defaultRoom"],
      );
      const listened = wireOf(await own.ask({ event: "listenToRoom", room: other }, { n: 2 }));
      assert.deepEqual([(listened.joined as Message).topic, listened.left], [`room:${other}`, undefined]);
      assert.deepEqual(await own.say("one", room, 1), OK);
      assert.deepEqual(await own.say("two", room, 2), OK);
      const back = await own.next(await door());
      assert.equal(back.connectionId, own.connectionId);
      assert.notEqual(back.clientId, own.clientId);
      const { token, position, ...rest } = back.resume;
      assert.notEqual(token, own.resume.token);
      assert.equal(position, entered.joined.position);
      assert.deepEqual(rest, {
        grace: GRACE,
        resumed: true,
        room,
        topic: `room:${room}`,
        last: 2,
        listeningRooms: [other],
        verb: 2,
        messageCount: 4,
      });
      const details = (await back.ask({ event: "detailsView" })).data as Message;
      assert.equal(details.messageCount, 5);
      assert.equal(
        back.heard.some(({ data }) => "welcome" in (data as Message)),
        false,
      );
    });

    test("positions: what came after them comes, in order, and what came before does not", async () => {
      const own = await Own.open(await door());
      await own.connect();
      const room = unique("room");
      await own.roomChange(room, 1);
      const topic = `room:${room}`;
      for (const n of [1, 2, 3]) await server.api.rooms.broadcast(room, n);
      const place = async (n: number): Promise<string> =>
        wireOf(await own.hears(({ message }) => message === n)).position as string;
      const [one, three] = [await place(1), await place(3)];
      assert.equal(own.positions[topic], three);
      // The part before the first dot is one log's; the one after it rises.
      const [epochs, offsets] = [0, 1].map((part) => [one, three].map((at) => at.split(".")[part]));
      assert.equal(epochs![0], epochs![1]);
      assert.ok(Number(offsets![0]) < Number(offsets![1]));
      for (const n of [4, 5]) await server.api.rooms.broadcast(room, n);
      const numbers = async (at: string): Promise<unknown[]> => {
        const back = await Own.open(await door(), { token }, { [topic]: at });
        token = back.resume.token;
        const found = await back.hears(({ message }) => message === 5);
        assert.deepEqual(Object.keys(wireOf(found)).sort(), ["position", "topic"]);
        return back.heard
          .map(({ data }) => (data as Message).message)
          .filter((message) => typeof message === "number");
      };
      let { token } = own.resume;
      assert.deepEqual(await numbers(three), [4, 5]);
      assert.deepEqual(await numbers(one), [2, 3, 4, 5]);
    });

    test("a say's number: a repeat is answered again and not said, one too large is sent back, a refused one is not used up", async () => {
      const own = await Own.open(await door());
      await own.connect();
      const room = unique("room");
      await own.roomChange(room, 1);
      const said = await saidIn(room, async () => {
        assert.deepEqual(await own.say("two too early", room, 2), tooEarly(0));
        assert.deepEqual(await own.say("one", room, 1), OK);
        assert.deepEqual(await own.say("one again", room, 1), OK);
        assert.deepEqual(await own.say("nine too early", room, 9), tooEarly(1));
        const wrong = refusal("wrong_room", "the connection speaks in another room", { room });
        assert.deepEqual(await own.say("elsewhere", "defaultRoom", 2), wrong);
        assert.deepEqual(await own.say("nowhere", null, 2), wrong);
        assert.equal((await own.say("", room, 2)).code, "message_required");
        assert.deepEqual(await own.say("two", room, 2), OK);
        const back = await own.next(await door());
        assert.equal(back.resume.last, 2);
        assert.deepEqual(await back.say("two again", room, 2), OK);
        assert.deepEqual(await back.say("three", room, 3), OK);
      });
      assert.deepEqual(said, ["one", "two", "three"]);
    });

    test("a verb's number: a repeat is answered again, with its positions, and not done; one too large is sent back", async () => {
      const own = await Own.open(await door());
      await own.connect();
      const [room, other, third] = [unique("room"), unique("other"), unique("third")];
      const { data: first } = await own.roomChange(room, 1);
      const early = (await own.ask({ event: "listenToRoom", room: other }, { n: 3 })).data as Message;
      assert.deepEqual([early.code, early.last], ["earlier_missing", 1]);
      const joined = await own.ask({ event: "listenToRoom", room: other }, { n: 2 });
      const again = await own.ask({ event: "listenToRoom", room: other }, { n: 2 });
      assert.deepEqual(
        [again, joined].map(({ data }) => ({ ...(data as Message), messageId: 0, messageCount: 0 }))[0],
        { ...(first as Message), messageId: 0, messageCount: 0 },
      );
      const topicOf = (answer: Message) => (wireOf(answer).joined as Message | undefined)?.topic;
      assert.deepEqual([topicOf(joined), topicOf(again)], [`room:${other}`, `room:${other}`]);
      // Whatever it asks now, it was done under this number.
      assert.equal(((await own.roomChange(third, 1)).data as Message).status, "OK");
      // A refusal is an outcome, and uses the number up.
      const refused = async (n: number) =>
        ((await own.ask({ event: "silenceRoom", room: third }, { n })).data as Message).code;
      assert.deepEqual([await refused(3), await refused(3)], ["not_listening", "not_listening"]);
      const back = await own.next(await door());
      const { room: where, listeningRooms, verb } = back.resume;
      assert.deepEqual([where, listeningRooms, verb], [room, [other], 3]);
      assert.equal(await refusalOf(back, other, 3), "not_listening");
      assert.equal(await refusalOf(back, other, 4), undefined);
    });

    test("an action that is sent again is run once; one of a connection that is lost is not known", async () => {
      const own = await Own.open(await door());
      await own.connect();
      const key = unique("count");
      const asked = { event: "action", params: { action: "count", key } };
      const messageId = unique("action");
      const times = async (who: Own, data: object, more?: object) =>
        ((await who.ask(data, more, messageId)).data as Message).times;
      assert.equal(await times(own, asked), 1);
      assert.equal(await times(own, { ...asked, resend: true }), 1);
      const back = await own.next(await door());
      assert.equal(await times(back, { ...asked, resend: true }), 1);
      assert.equal(counted.get(key), 1);
      const other = await Own.open(await door());
      const lost = await other.ask({ ...asked, resend: true }, { rebuilt: true }, messageId);
      assert.equal((lost.data as Message).code, "outcome_unknown");
      assert.equal(counted.get(key), 1);
    });

    test("a token is good once; the one before it until the new session's first message", async () => {
      const own = await Own.open(await door());
      await own.connect();
      const { token } = own.resume;
      const shake = async (used: string, attempt?: number) =>
        (await door()).one(ours({ token: used, positions: {}, ...(attempt ? { attempt } : {}) }));
      const isSame = (reply: Message) => wireOf(reply).connectionId === own.connectionId;
      // The reply of the first was lost.
      assert.equal(isSame(await shake(token)), true);
      const second = await shake(token);
      assert.equal(isSame(second), true);
      const next = (wireOf(second).resume as Resumed).token;
      const speaker = await door();
      assert.equal(
        (await speaker.one(publish(second.clientId, own.line, { event: "setIP" }))).successful,
        true,
      );
      const stranger = await shake(token);
      assert.equal(isSame(stranger), false);
      assert.equal((wireOf(stranger).resume as Resumed).resumed, false);
      assert.equal(isSame(await shake(next)), true);
    });

    test("attempt: one that is served after a later one with its token is refused and takes nothing over", async () => {
      const own = await Own.open(await door());
      await own.connect();
      const { token } = own.resume;
      const shake = async (attempt: number) => (await door()).one(ours({ token, positions: {}, attempt }));
      const later = await shake(5);
      assert.equal(later.successful, true);
      for (const attempt of [4, 5])
        assert.deepEqual(await shake(attempt), {
          ...turnedAway("503::Service unavailable", "handshake"),
          supportedConnectionTypes: later.supportedConnectionTypes,
          version: "1.0",
        });
      const speaker = await door();
      const asked = publish(later.clientId, own.line, { event: "setIP" });
      assert.equal((await speaker.one(asked)).successful, true);
    });

    test("a session that is superseded: 401 to all that it says, its connect is told to stay away, and it ends nothing", async () => {
      const own = await Own.open(await door());
      await own.connect();
      const room = unique("room");
      await own.roomChange(room, 1);
      const back = await own.next(await door());
      assert.deepEqual(await back.say("one", room, 1), OK);
      const { clientId: old, line } = own;
      const advice = { reconnect: "none", interval: 0, timeout: TIMEOUT * 1000 };
      const connectionType = "long-polling";
      for (const speaker of [own.door, await door(), back.door]) {
        const said = publish(old, line, { event: "say", message: "stolen" }, { id: "p" });
        assert.deepEqual(await speaker.one(said), unknown(old, { id: "p", channel: line }));
        assert.deepEqual(
          await speaker.one(subscribe(old, "/x", { id: "s" })),
          unknown(old, { id: "s", channel: "/meta/subscribe", subscription: "/x" }),
        );
        assert.deepEqual(
          await speaker.one(connect(old, { id: "c", connectionType })),
          unknown(old, { id: "c", channel: "/meta/connect" }, advice),
        );
        assert.deepEqual(
          await speaker.one(disconnect(old, { id: "d" })),
          unknown(old, { id: "d", channel: "/meta/disconnect" }),
        );
      }
      assert.equal((await server.api.connections.get(own.connectionId))?.room, room);
      assert.deepEqual(await back.say("two", room, 2), OK);
      const stranger = await own.next(await door());
      assert.equal(stranger.resume.resumed, false);
      assert.notEqual(stranger.connectionId, own.connectionId);
    });

    test("the server moves it: told with the positions that it begins and ends with", async () => {
      const own = await Own.open(await door());
      await own.connect();
      const room = unique("room");
      await server.api.rooms.add(own.connectionId, room);
      const told = await own.hears((data) => "listeningRooms" in data);
      assert.deepEqual(told.data, { context: "api", room, listeningRooms: [] });
      const { joined, left } = wireOf(told) as { joined: Message; left: string };
      assert.deepEqual(
        [joined.topic, joined.room, joined.last, left],
        [`room:${room}`, room, 0, "room:defaultRoom"],
      );
      assert.deepEqual(await own.say("one", room, 1), OK);
    });

    test("a gap has the position after it", async () => {
      const small = await startApp({ config: { topics: { maxMessages: 5 } } });
      const way = name === "ws" ? new SocketDoor(await Socket.open(small.url)) : new HttpDoor(small.url);
      try {
        const own = await Own.open(way);
        await own.connect();
        const topic = "room:defaultRoom";
        const before = own.positions[topic]!;
        // More than the node itself keeps for its readers.
        const total = 3000;
        for (let n = 0; n < total; n += 1) await small.api.rooms.broadcast("defaultRoom", n);
        const late = name === "ws" ? new SocketDoor(await Socket.open(small.url)) : way;
        const back = await Own.open(late, { token: own.resume.token }, { [topic]: before });
        await back.hears(({ message }) => message === total - 1);
        const [gap, ...more] = back.heard.filter(({ data }) => "gap" in ((data ?? {}) as Message));
        assert.deepEqual(more, []);
        const numbers = back.heard
          .map(({ data }) => (data as Message).message)
          .filter((message) => typeof message === "number");
        const missed = total - numbers.length;
        assert.deepEqual(gap!.data, { context: "api", gap: { room: "defaultRoom", missed } });
        assert.deepEqual(Object.keys(wireOf(gap!)).sort(), ["position", "topic"]);
        // Whoever comes back from there gets what follows the gap, and is not told of it again.
        const next = name === "ws" ? new SocketDoor(await Socket.open(small.url)) : way;
        const again = await Own.open(
          next,
          { token: back.resume.token },
          { [topic]: String(wireOf(gap!).position) },
        );
        await again.hears(({ message }) => message === total - 1);
        const seen = again.heard.map(({ data }) => data as Message);
        assert.equal(
          seen.some((data) => "gap" in data),
          false,
        );
        assert.equal(seen.find(({ message }) => typeof message === "number")!.message, missed);
        await Promise.all([late, next].map((one) => one.close()));
      } finally {
        await way.close();
        await small.close();
      }
    });

    test("a connection that quit is not resumed, and its client is told why", async () => {
      const own = await Own.open(await door());
      await own.connect();
      await own.send(publish(own.clientId, own.line, { event: "quit" }, { id: "q" }));
      const { supportedConnectionTypes: _types, ...reply } = await (await door()).one(
        ours({ token: own.resume.token, positions: {} }),
      );
      assert.deepEqual(reply, { ...turnedAway("403::quit requested", "none"), version: "1.0" });
    });
  });
}

test("an event stream that is opened again asks for a connect, and goes on from the positions of that", async () => {
  const own = await Own.open(new HttpDoor(server.url));
  await own.hears((data) => "welcome" in data);
  const listen = () =>
    own.send(
      connect(own.clientId, {
        id: unique("c"),
        connectionType: "eventsource",
        ext: { actionwire: { positions: own.positions } },
      }),
    );
  const stream = async () => {
    const asked = begin(`${server.url}/faye/${own.clientId}`, { headers: { Accept: "text/event-stream" } });
    asked.on("error", () => {});
    asked.end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    response.on("error", () => {});
    return {
      /** What came with the whole events. */
      heard: (): Message[] =>
        text
          .split("\r\n\r\n")
          .slice(0, -1)
          .filter((event) => event.startsWith("data: "))
          .flatMap((event) => JSON.parse(event.slice("data: ".length)) as Message[]),
      async close() {
        const closed = new Promise((resolve) => response.once("close", resolve));
        asked.destroy();
        await closed;
      },
    };
  };
  const numbers = (messages: readonly Message[]): unknown[] =>
    messages
      .map(({ data }) => (data as Message | undefined)?.message)
      .filter((message) => typeof message === "number");
  await listen();
  const first = await stream();
  await server.api.rooms.broadcast("defaultRoom", 1);
  await eventually(() => numbers(first.heard()).includes(1));
  const { topic, position } = wireOf(first.heard().find(({ data }) => (data as Message).message === 1)!);
  await first.close();
  await metricIs(server.url, "actionwire_event_streams", 0);
  await server.api.rooms.broadcast("defaultRoom", 2);
  const second = await stream();
  await eventually(() => second.heard().length > 0);
  assert.deepEqual(second.heard(), [{ channel: "/actionwire", ext: { actionwire: { present: true } } }]);
  own.positions[String(topic)] = String(position);
  await listen();
  await eventually(() => numbers(second.heard()).length > 0);
  assert.deepEqual(numbers(second.heard()), [2]);
  await second.close();
});

/** How a connection is refused to stop listening to a room; undefined when it is not. */
async function refusalOf(own: Own, room: string, n: number): Promise<unknown> {
  return ((await own.ask({ event: "silenceRoom", room }, { n })).data as Message).code;
}
