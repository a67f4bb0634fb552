/** What an application is told of interruptions. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../support/index.ts";
import { startServer } from "../support/server.ts";
import { hears, type Player, ROOM, type Stage, stage, TRANSPORTS } from "./stage.ts";
import { clientClock, seeded } from "./weather.ts";

/** A cut at a moment when nothing is under way is none: cuts until it is noticed. */
const cut = (on: Stage, who: Player) =>
  eventually(
    () => {
      on.proxy.cutAll();
      return who.client.state === "reconnecting";
    },
    { interval: 5 },
  );

const inState = (who: Player, state: string) =>
  eventually(() => assert.equal(who.client.state, state), { interval: 1 });

describe("events", () => {
  for (const [transport, only] of TRANSPORTS) {
    describe(`over ${transport}`, { concurrency: true }, () => {
      test("a short cut is nobody's business", async (t) => {
        const on = await stage(t);
        // Back within a hundred milliseconds, well below the second after which it is told.
        const ada = await on.join({ ...only, clock: clientClock(seeded(31), 0.1) });
        const { id } = ada.client;
        ada.forget();
        await cut(on, ada);
        await on.server.api.rooms.broadcast(ROOM, 1);
        await inState(ada, "connected");
        await on.server.api.rooms.broadcast(ROOM, 2);
        await hears(ada, [1, 2]);
        assert.equal(ada.client.id, id);
        assert.deepEqual(ada.names(), []);
      });

      test("a longer one: one disconnect, one reconnect, the same connection", async (t) => {
        const on = await stage(t);
        const ada = await on.join({ ...only, clock: clientClock(seeded(32)) });
        const { id } = ada.client;
        ada.forget();
        on.proxy.refuseConnections(true);
        await cut(on, ada);
        await on.server.api.rooms.broadcast(ROOM, 1);
        await eventually(() => assert.deepEqual(ada.names(), ["disconnect"]));
        assert.equal(ada.client.state, "reconnecting");
        assert.equal(ada.client.id, id);
        on.proxy.refuseConnections(false);
        await eventually(() => assert.deepEqual(ada.names(), ["disconnect", "reconnect"]));
        await hears(ada, [1]);
        const [gone, back] = ada.fired;
        assert.equal(gone?.state, "reconnecting");
        assert.equal(gone?.value.reconnecting, true);
        assert.equal(back?.state, "connected");
        assert.equal(back?.value.resumed, true);
        assert.equal(back?.value.id, id);
        assert.equal(ada.client.id, id);
        assert.equal(ada.client.room, ROOM);
      });

      for (const [how, graceful] of [
        ["killed", false],
        ["stopped", true],
      ] as const) {
        test(`a server that is ${how} and comes back empty: a new connection in the same rooms, gaps told`, async (t) => {
          const on = await stage(t);
          const ada = await on.join({ ...only, clock: clientClock(seeded(33)) });
          await ada.client.roomChange("lobby");
          await ada.client.listenToRoom("news");
          const { id } = ada.client;
          ada.forget();

          on.proxy.refuseConnections(true);
          if (graceful) await on.server.stop();
          await cut(on, ada);
          await sleep(300);
          const next = on.own(await startServer());
          on.proxy.target(next.port);
          on.proxy.refuseConnections(false);
          const since = performance.now();
          await inState(ada, "connected");
          const took = performance.now() - since;
          t.diagnostic(`back after ${Math.round(took)} ms`);
          assert.ok(took < 3_000, `it took ${took} ms to come back`);

          assert.notEqual(ada.client.id, id);
          assert.equal(ada.client.room, "lobby");
          const connection = await next.api.connections.get(ada.client.id ?? "");
          assert.equal(connection?.room, "lobby");
          assert.deepEqual(connection?.listeningRooms, ["news"]);
          const told = ada.fired.filter(({ name }) => name !== "welcome");
          assert.deepEqual(
            told.map(({ name }) => name),
            ["disconnect", "gap", "gap", "reconnect"],
          );
          assert.deepEqual(ada.gaps(), [
            { room: "lobby", missed: null },
            { room: "news", missed: null },
          ]);
          assert.equal(told.at(-1)?.value.resumed, false);
          assert.equal(told.at(-1)?.value.id, ada.client.id);
          await next.api.rooms.broadcast("lobby", 1);
          await next.api.rooms.broadcast("news", 2);
          await hears(ada, [1], "lobby");
          await hears(ada, [2], "news");
        });
      }
    });
  }
});
