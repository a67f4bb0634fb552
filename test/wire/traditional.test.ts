/** BAYEUX 7.11 and 6.2: the conversation that clients of the early years have, verbatim. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { collector } from "../support/collector.ts";
import { eventually } from "../support/eventually.ts";
import type { TestServer } from "../support/server.ts";
import { startApp, unique } from "./support/app.ts";
import { openPolling } from "./support/by-hand.ts";
import { openCometd } from "./support/cometd.ts";
import { both, HttpDoor } from "./support/door.ts";
import type { Driver, OpenDriver } from "./support/driver.ts";
import { type FayeClient, fayeDriver, newFaye } from "./support/faye.ts";
import { ask } from "./support/http.ts";
import { Line, WELCOME } from "./support/line.ts";
import { handshake, lineOf, type Message, minted, publish, subscribe } from "./support/messages.ts";

let server: TestServer;
const base = () => server.url;
before(async () => {
  server = await startApp();
});
after(() => server.close());

/** Numbers what it sends and matches what comes by `messageCount`, as that client does. */
class Traditional {
  readonly id = randomUUID();
  readonly said: Message[] = [];
  readonly welcomed: Message[] = [];
  readonly alerts: Message[] = [];
  /** Each response as often as it came. */
  readonly responses = collector<Message>();
  readonly #driver: Driver;
  #count = 0;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  static async connect(driver: Driver, url: string): Promise<[Traditional, Message]> {
    const client = new Traditional(driver);
    assert.equal(await driver.publish("/_welcome", "hello"), null);
    // It does not wait for this before it goes on.
    const subscribed = driver.subscribe(lineOf(client.id), (message) => client.#take(message));
    const status = await ask(`${url}/api`);
    assert.equal(status.status, 200);
    const { requestorInformation, requesterInformation } = JSON.parse(status.body) as {
      requestorInformation: { remoteIP: string };
      requesterInformation: { remoteIP: string };
    };
    assert.equal(requestorInformation.remoteIP, "127.0.0.1");
    assert.equal(requesterInformation.remoteIP, "127.0.0.1");
    assert.equal(await subscribed, null);
    const setIP = await client.send({ event: "setIP", ip: "10.9.8.7" });
    assert.deepEqual(setIP, { context: "response", status: "OK", data: null, messageCount: 1 });
    return [client, await client.send({ event: "detailsView" })];
  }

  #take(message: Message): void {
    if (message.context === "response") this.responses.push(message);
    else if (message.context === "user") this.said.push(message);
    else if (message.context === "api" && "welcome" in message) this.welcomed.push(message);
    else this.alerts.push(message);
  }

  async send(message: object): Promise<Message> {
    this.#count += 1;
    const count = this.#count;
    const acknowledged = this.#driver.publish(lineOf(this.id), message);
    const answer = await this.responses.find(({ messageCount }) => messageCount === count);
    assert.equal(await acknowledged, null);
    return answer;
  }
}

const openWelcomed =
  (prepare: (client: FayeClient) => void): OpenDriver =>
  async (url) => {
    const client = newFaye(url);
    prepare(client);
    return fayeDriver(client, "", "");
  };

for (const [name, open] of [
  ["Faye over a websocket", openWelcomed(() => {})],
  ["Faye over long-polling", openWelcomed((client) => client.disable("websocket"))],
  ["CometD", openCometd("websocket")],
  ["polling by hand", openPolling],
] as const) {
  describe(`the traditional conversation: ${name}`, { concurrency: 8 }, () => {
    const connected = async (
      run: (client: Traditional, details: Message, driver: Driver) => Promise<void>,
    ) => {
      const driver = await open(base());
      try {
        const [client, details] = await Traditional.connect(driver, base());
        await run(client, details, driver);
      } finally {
        await driver.close();
      }
    };

    test("199, 200, 204, 205, 210: hello, own uuid, details, verbs", async () => {
      await connected(async (client, details) => {
        const { data, ...response } = details as { data: Message };
        assert.deepEqual(response, { context: "response", status: "OK", messageCount: 2 });
        const { id, remoteIP, room, totalActions, pendingActions } = data;
        assert.deepEqual(
          [id, remoteIP, room, totalActions, pendingActions],
          [client.id, "127.0.0.1", "defaultRoom", 0, 0],
        );
        await eventually(() => client.welcomed.length > 0);
        assert.deepEqual(client.welcomed, [{ context: "api", welcome: WELCOME, room: "defaultRoom" }]);

        const room2 = unique("room");
        const steps: [object, string, unknown][] = [
          [{ event: "roomChange", room: room2 }, "OK", true],
          [{ event: "listenToRoom", room: "other" }, "OK", true],
          [{ event: "listenToRoom", room: "other" }, "already listening to this room", null],
          [{ event: "silenceRoom", room: "other" }, "OK", true],
          [{ event: "silenceRoom", room: "other" }, "you are not listening to this room", null],
          [{ event: "dance" }, "verb not found or not allowed", null],
          // Arguments under any name: their values count (BAYEUX 6.3).
          [{ event: "listenToRoom", "0": "numbered" }, "OK", true],
          [{ event: "say", "0": "two", "1": "words" }, "OK", null],
        ];
        for (const [index, [said, status, data]] of steps.entries()) {
          const answer = await client.send(said);
          assert.deepEqual([answer.messageCount, answer.status, answer.data], [index + 3, status, data]);
        }
        const view = (await client.send({ event: "roomView" })).data as {
          room: string;
          members: Record<string, { id: string }>;
        };
        assert.deepEqual([view.room, Object.keys(view.members)], [room2, [client.id]]);
        const added = await client.send({ event: "action", params: { action: "add", a: 1, b: 2 } });
        assert.deepEqual(added, { context: "response", messageCount: 12, sum: 3 });
        assert.equal(client.responses.all.length, 12);
        assert.deepEqual([client.alerts, client.welcomed.length], [[], 1]);
      });
    });

    test("206: say is heard by the others", async () => {
      await connected(async (alice) => {
        await connected(async (bob) => {
          const room = unique("room");
          await alice.send({ event: "roomChange", room });
          await bob.send({ event: "roomChange", room });
          await alice.send({ event: "say", message: "hello there" });
          await eventually(() => bob.said.some(({ message }) => message === "hello there"));
          await bob.send({ event: "say", message: "over" });
          await eventually(() => alice.said.some(({ message }) => message === "over"));
          const words = (client: Traditional) =>
            client.said.filter((said) => said.room === room).map(({ from, message }) => [from, message]);
          assert.deepEqual(words(bob), [[alice.id, "hello there"]]);
          assert.deepEqual(words(alice), [
            [bob.id, "I have entered the room"],
            [bob.id, "over"],
          ]);
        });
      });
    });

    test("207: six slow actions: the sixth is refused, each answer has its own count", async () => {
      await connected(async (client) => {
        const keys = Array.from({ length: 6 }, () => unique("slow"));
        const calls = keys.map((key) => client.send({ event: "action", params: { action: "hold", key } }));
        const refused = await Promise.any(calls);
        const { messageCount, ...answer } = refused;
        assert.deepEqual(answer, {
          context: "response",
          error: "you have too many pending requests",
          code: "too_many_pending",
        });
        for (const key of keys) await ask(`${base()}/api/release?key=${key}`);
        const answers = await Promise.all(calls);
        const held = answers.filter((one) => one.messageCount !== messageCount);
        assert.equal(held.length, 5);
        assert.deepEqual(
          answers.map((one) => one.messageCount),
          [3, 4, 5, 6, 7, 8],
        );
        assert.equal(new Set(held.map((one) => one.held)).size, 5);
        const details = (await client.send({ event: "detailsView" })).data as Message;
        assert.deepEqual([details.totalActions, details.pendingActions], [5, 0]);
      });
    });

    test("208: a slow action and a fast verb each get their own answer", async () => {
      await connected(async (client) => {
        const key = unique("slow");
        const slow = client.send({ event: "action", params: { action: "hold", key } });
        const fast = client.send({ event: "detailsView" });
        const counts = [3, 4];
        const details = await fast;
        assert.equal((details.data as Message).pendingActions, 1);
        await ask(`${base()}/api/release?key=${key}`);
        assert.deepEqual(await slow, { context: "response", messageCount: counts[0], held: key });
        assert.equal(details.messageCount, counts[1]);
      });
    });
  });
}

describe("7.11 lines", { concurrency: 8 }, () => {
  both("199: hello is acknowledged and does nothing", base, async (door) => {
    const { clientId, connectionId } = minted(await door.one(handshake()));
    assert.deepEqual(await door.one(publish(clientId, "/_welcome", "hello", { id: "w" })), {
      id: "w",
      channel: "/_welcome",
      successful: true,
    });
    assert.equal(await server.api.connections.get(connectionId), null);
  });

  both("201: a line that somebody has", base, async (door) => {
    const owner = await Line.claim(await openPolling(base()));
    const before = await server.api.rooms.members("defaultRoom");
    const H = await door.session();
    const name = lineOf(owner.id);
    assert.deepEqual(await door.one(subscribe(H, name, { id: "s" })), {
      id: "s",
      channel: "/meta/subscribe",
      successful: false,
      subscription: name,
      error: `403:${name}:Forbidden channel`,
    });
    const ghosts = Object.keys((await server.api.rooms.members("defaultRoom")).members);
    assert.equal(ghosts.includes(owner.id), true);
    assert.equal(before.members[owner.id]?.id, owner.id);
    assert.equal((await owner.ask({ event: "setIP" })).messageCount, 1);
    await owner.close();
  });

  both("202: no wildcard, alone or in an array, and no ghost", base, async (door) => {
    const { clientId: H, connectionId } = minted(await door.one(handshake()));
    const line = lineOf(connectionId);
    for (const subscription of [
      "/**",
      "/*",
      "/foo/*",
      lineOf("*"),
      lineOf("**"),
      ["/foo", "/foo/**"],
      [line, "/**"],
    ]) {
      assert.deepEqual(await door.one(subscribe(H, subscription, { id: "s" })), {
        id: "s",
        channel: "/meta/subscribe",
        successful: false,
        subscription,
        error: "403::wildcard subscriptions are not allowed",
      });
    }
    assert.equal(await server.api.connections.get(connectionId), null);
    assert.equal((await server.api.rooms.members("defaultRoom")).members[connectionId], undefined);
  });

  both("203: a publish on another's line is refused, not executed, not counted", base, async (door) => {
    const owner = await Line.claim(await openPolling(base()));
    const H = await door.session();
    const name = lineOf(owner.id);
    for (const event of ["quit", "say", "detailsView"]) {
      assert.deepEqual(await door.one(publish(H, name, { event, message: "x" }, { id: event })), {
        id: event,
        channel: name,
        successful: false,
        error: `403:${name}:Forbidden channel`,
      });
    }
    assert.equal((await owner.ask({ event: "setIP" })).messageCount, 1);
    await owner.close();
  });

  test("209: a retransmitted verb is executed and counted once", async () => {
    const door = new HttpDoor(base());
    const { clientId: H, connectionId } = minted(await door.one(handshake()));
    const line = lineOf(connectionId);
    await door.one(subscribe(H, line));
    const listening = await Line.claim(await openPolling(base()));
    const room = unique("room");
    await listening.ask({ event: "roomChange", room });
    await door.one(publish(H, line, { event: "roomChange", room }, { id: "1" }));
    const say = publish(H, line, { event: "say", message: "once" }, { id: "2" });
    for (let n = 0; n < 3; n += 1) {
      assert.deepEqual(await door.one(say), { id: "2", channel: line, successful: true });
    }
    await door.send([say, say]);
    await door.one(publish(H, line, { event: "say", message: "done" }, { id: "3" }));
    await listening.heard.find(({ message }) => message === "done");
    assert.deepEqual(
      listening.said.map(({ message }) => message),
      ["once", "done"],
    );
    await door.one(publish(H, line, { event: "setIP", messageId: "last" }, { id: "4" }));
    const answer = await door.send(
      [{ channel: "/meta/connect", clientId: H, connectionType: "long-polling" }],
      1,
    );
    const last = answer.map(({ data }) => data as Message).find((data) => data?.messageId === "last");
    assert.equal(last?.messageCount, 4);
    await listening.close();
  });

  test("211: quit gets its acknowledgement and its goodbye, then none", async () => {
    const line = await Line.claim(await openPolling(base()));
    assert.equal(await line.publish({ event: "quit" }), null);
    await line.heard.find(({ status }) => status === "Bye!");
    assert.deepEqual(
      line.heard.all.filter(({ context }) => context === "response"),
      [],
    );
    assert.match(String(await line.publish({ event: "say", message: "x" })), /^401:/);
    await line.close();
  });

  test("213: GET /api", async () => {
    const { status, headers, body } = await ask(`${base()}/api`);
    assert.equal(status, 200);
    assert.match(String(headers["content-type"]), /^application\/json/);
    const { requestorInformation, requesterInformation, serverInformation, documentation } = JSON.parse(
      body,
    ) as Record<string, { remoteIP?: string; serverName?: string }>;
    assert.equal(requestorInformation?.remoteIP, "127.0.0.1");
    assert.deepEqual(requestorInformation, requesterInformation);
    assert.equal(serverInformation?.serverName, "actionwire");
    assert.equal("add" in documentation!, true);
  });
});
