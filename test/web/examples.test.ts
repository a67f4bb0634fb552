import assert from "node:assert/strict";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { WebSocket } from "ws";
import * as onExpress from "../../examples/express.ts";
import * as onFastify from "../../examples/fastify.ts";
import * as onHttp from "../../examples/http-server.ts";

const handshake = [
  {
    channel: "/meta/handshake",
    version: "1.0",
    supportedConnectionTypes: ["websocket", "long-polling"],
    id: "1",
  },
];

interface Reply {
  readonly channel: string;
  readonly successful: boolean;
  readonly clientId?: string;
}

const examples: Record<string, (port: number) => Promise<{ server: Server; stop(): Promise<void> }>> = {
  "http-server": onHttp.start,
  express: onExpress.start,
  fastify: onFastify.start,
};

for (const [name, start] of Object.entries(examples)) {
  test(`examples/${name}.ts: its own page, an action, a handshake by POST and one by WebSocket`, async (t) => {
    const { server, stop } = await start(0);
    t.after(stop);
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    assert.equal(await (await fetch(base)).text(), "hello from the application");
    assert.deepEqual(await (await fetch(`${base}/api/add?a=1&b=2`)).json(), { sum: 3 });

    const posted = await fetch(`${base}/faye`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(handshake),
    });
    const [reply] = (await posted.json()) as Reply[];
    assert.ok(reply?.successful && reply.clientId);

    const socket = new WebSocket(`${base.replace("http", "ws")}/faye`);
    t.after(() => socket.terminate());
    await once(socket, "open");
    socket.send(JSON.stringify(handshake));
    const [data] = (await once(socket, "message")) as [Buffer];
    const [answer] = JSON.parse(String(data)) as Reply[];
    assert.ok(answer?.successful && answer.clientId);
  });
}
