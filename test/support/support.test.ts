import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { type ChaosProxy, closeAll, collector, createProxy, eventually } from "./index.ts";

describe("eventually", () => {
  test("resolves with what the check returns once it holds", async () => {
    let looks = 0;
    assert.equal(await eventually(() => (++looks < 3 ? null : "there")), "there");
    assert.equal(looks, 3);
  });

  test("rejects with the last failure", async () => {
    const never = eventually(() => assert.equal(1, 2, "one is not two"), { timeout: 50 });
    await assert.rejects(never, /not within 50 ms: one is not two/);
  });
});

describe("collector", () => {
  test("finds what is here and what is still to come", async () => {
    const seen = collector<number>();
    seen.push(1);
    setTimeout(seen.push, 30, 2);
    assert.equal(await seen.find((item) => item === 2), 2);
    assert.deepEqual(await seen.atLeast(2), [1, 2]);
  });
});

describe("closeAll", () => {
  test("closes the last first, and all of them when one fails", async () => {
    const order: string[] = [];
    const closable = (name: string, fails = false) => ({
      close: async () => {
        order.push(name);
        if (fails) throw new Error(name);
      },
    });
    await assert.rejects(closeAll(closable("a"), null, closable("b", true), closable("c")), AggregateError);
    assert.deepEqual(order, ["c", "b", "a"]);
  });
});

describe("the chaos proxy", () => {
  let proxy: ChaosProxy;
  const echo = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });

  /** A connection through the proxy and all that came back on it. */
  async function dial(): Promise<{ socket: net.Socket; heard: () => string }> {
    const socket = net.connect(proxy.port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write("hello ");
    await eventually(() => text === "hello ");
    return { socket, heard: () => text };
  }

  before(async () => {
    echo.listen(0, "127.0.0.1");
    await once(echo, "listening");
    proxy = await createProxy((echo.address() as AddressInfo).port);
  });
  after(() => closeAll(echo, proxy));

  test("cuts every connection and welcomes the next", async () => {
    const { socket } = await dial();
    proxy.cutAll();
    await eventually(() => socket.closed);
    await eventually(() => proxy.size === 0);
    (await dial()).socket.destroy();
  });

  test("holds everything in a black hole, in order, and closes nothing", async () => {
    const { socket, heard } = await dial();
    proxy.blackhole(true);
    socket.write("are you ");
    socket.write("there?");
    await assert.rejects(eventually(() => heard() !== "hello ", { timeout: 100 }));
    assert.equal(socket.destroyed, false);
    proxy.blackhole(false);
    await eventually(() => heard() === "hello are you there?");
    socket.destroy();
  });

  test("delays each direction and keeps the order when the delay shrinks", async () => {
    const { socket, heard } = await dial();
    const since = performance.now();
    proxy.delay(60);
    socket.write("slow ");
    await eventually(() => proxy.size === 1);
    setTimeout(() => {
      proxy.delay(0);
      socket.write("fast");
    }, 20);
    await eventually(() => heard() === "hello slow fast");
    assert.ok(performance.now() - since >= 55);
    proxy.delay(0);
    socket.destroy();
  });

  test("refuses upgrades and nothing else", async () => {
    proxy.refuseUpgrades(true);
    const upgrade = http.get({ port: proxy.port, headers: { Connection: "Upgrade", Upgrade: "websocket" } });
    const [response] = (await once(upgrade, "response")) as [http.IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 502);
    (await dial()).socket.destroy();
    proxy.refuseUpgrades(false);
  });

  test("refuses new connections and keeps open ones", async () => {
    const { socket, heard } = await dial();
    proxy.refuseConnections(true);
    const refused = net.connect(proxy.port, "127.0.0.1");
    refused.on("error", () => {});
    await eventually(() => refused.closed);
    socket.write("still here");
    await eventually(() => heard() === "hello still here");
    proxy.refuseConnections(false);
    socket.destroy();
  });
});
