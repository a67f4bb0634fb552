/** BAYEUX 7.4, subscribe and unsubscribe. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { unique } from "../wire/support/app.ts";
import { both, type Door, HttpDoor } from "../wire/support/door.ts";
import { alike, OURS } from "../wire/support/judged.ts";
import {
  connect,
  isDelivery,
  type Message,
  publish,
  subscribe,
  unsubscribe,
} from "../wire/support/messages.ts";
import { openTarget, type Target } from "../wire/support/target.ts";

let server: Target;
const base = () => server.url;
before(async () => {
  server = await openTarget();
});
after(() => server.close());

/** All that the session is delivered, with `units` and a connect after them. */
async function hears(door: Door, H: string, ...units: (readonly Message[])[]): Promise<Message[]> {
  const all: Message[] = [];
  for (const unit of units) all.push(...(await door.send(unit)));
  for (const reply of all)
    if (!isDelivery(reply)) assert.equal(reply.successful, true, JSON.stringify(reply));
  all.push(...(await door.send([connect(H, { advice: { timeout: 0 } })])));
  return all.filter(isDelivery);
}

const reply = (subscription: unknown, kind = "subscribe") => ({
  id: "s",
  channel: `/meta/${kind}`,
  successful: true,
  subscription,
});
const failed = (subscription: unknown, error: string, kind = "subscribe") => ({
  id: "s",
  channel: `/meta/${kind}`,
  successful: false,
  subscription,
  error,
});

describe("7.4 subscribe", { concurrency: 8 }, () => {
  for (const name of ["/foo", "/foo/*", "/foo/**", "/*", "/**"]) {
    both(`84: ${name}`, base, async (door) => {
      const H = await door.session();
      alike(await door.one(subscribe(H, name, { id: "s" })), reply(name));
    });
  }

  both("85: twice is once", base, async (door) => {
    const H = await door.session();
    const channel = `/${unique("twice")}`;
    const heard = await hears(
      door,
      H,
      [subscribe(H, channel)],
      [subscribe(H, channel)],
      [publish(H, channel, 1, { id: "p" })],
    );
    alike(heard, [{ channel, data: 1 }]);
  });

  both("86: through several patterns once", base, async (door) => {
    const H = await door.session();
    const root = `/${unique("overlap")}`;
    const heard = await hears(
      door,
      H,
      [subscribe(H, [`${root}/**`, `${root}/a/b`, `${root}/a/*`])],
      [publish(H, `${root}/a/b`, 1, { id: "1" }), publish(H, `${root}/a/c`, 2, { id: "2" })],
      [unsubscribe(H, `${root}/a/b`)],
      [publish(H, `${root}/a/b`, 3, { id: "3" })],
    );
    alike(
      heard.map(({ data }) => data),
      [1, 2, 3],
    );
  });

  both("87: * is one segment, ** one or more", base, async (door) => {
    const H = await door.session();
    const [star, deep] = [`/${unique("star")}`, `/${unique("deep")}`];
    const heard = await hears(
      door,
      H,
      [subscribe(H, `${star}/*`), subscribe(H, `${deep}/**`)],
      [star, `${star}/a`, `${star}/a/b`, deep, `${deep}/a`, `${deep}/a/b`].map((channel, id) =>
        publish(H, channel, id, { id }),
      ),
    );
    alike(heard.map(({ channel }) => channel).sort(), [`${deep}/a`, `${deep}/a/b`, `${star}/a`]);
  });

  for (const name of ["/meta/connect", "/meta/**", "/service/x", "/service/*"]) {
    both(`88: ${name}`, base, async (door) => {
      const H = await door.session();
      alike(await door.one(subscribe(H, name, { id: "s" })), failed(name, `403:${name}:Forbidden channel`));
    });
  }

  for (const name of ["/", "/foo/", "foo", "/f*o", "/foo/*/bar", "/a.b"]) {
    both(`89: ${name}`, base, async (door) => {
      const H = await door.session();
      alike(await door.one(subscribe(H, name, { id: "s" })), failed(name, `405:${name}:Invalid channel`));
    });
  }

  for (const name of [undefined, null, ""]) {
    both(`90: ${JSON.stringify(name)}`, base, async (door) => {
      const H = await door.session();
      alike(
        await door.one(subscribe(H, name, { id: "s" })),
        failed([], "402:subscription:Missing required parameter"),
      );
    });
  }

  for (const [number, names] of [
    [91, []],
    [92, ["/a", "/b"]],
  ] as const) {
    both(`${number}: ${JSON.stringify(names)}`, base, async (door) => {
      const H = await door.session();
      alike(await door.one(subscribe(H, names, { id: "s" })), reply(names));
    });
  }

  both("93: one bad name, and none is subscribed", base, async (door) => {
    const H = await door.session();
    const [a, c] = [`/${unique("a")}`, `/${unique("c")}`];
    const names = [a, "/meta/x", c];
    alike(await door.one(subscribe(H, names, { id: "s" })), failed(names, "403:/meta/x:Forbidden channel"));
    alike(await hears(door, H, [publish(H, a, 1, { id: "1" }), publish(H, c, 1, { id: "2" })]), []);
  });

  for (const [name, arg] of [
    [7, "7"],
    [{ a: 1 }, ""],
    [[["/a"]], ""],
  ] as const) {
    both(`94: ${JSON.stringify(name)}`, base, async (door) => {
      const H = await door.session();
      alike(await door.one(subscribe(H, name, { id: "s" })), failed(name, `405:${arg}:Invalid channel`));
    });
  }

  for (const [clientId, error] of [
    ["made-up", "401:made-up:Unknown client"],
    [undefined, "402:clientId:Missing required parameter"],
    ["__proto__", "401:__proto__:Unknown client"],
    ["constructor", "401:constructor:Unknown client"],
    [["x"], "401::Unknown client"],
    [{}, "401::Unknown client"],
  ] as const) {
    both(`95, 96: clientId ${JSON.stringify(clientId)}`, base, async (door) => {
      for (const kind of ["subscribe", "unsubscribe"] as const) {
        const message = { subscribe, unsubscribe }[kind](clientId, "/foo", { id: "s" });
        alike(await door.one(message), failed("/foo", error, kind));
      }
      alike(Object.keys(Object.prototype), []);
    });
  }

  both("96: the clientId in an array is nobody's", base, async (door) => {
    const H = await door.session();
    alike(await door.one(subscribe([H], "/foo", { id: "s" })), failed("/foo", "401::Unknown client"));
  });

  both("97: the same message again", base, async (door) => {
    const H = await door.session();
    const message = subscribe(H, `/${unique("again")}`, { id: "s" });
    alike(await door.one(message), reply(message.subscription));
    alike(await door.one(message), reply(message.subscription));
  });

  both("98: unsubscribe from what was never subscribed", base, async (door) => {
    const H = await door.session();
    alike(await door.one(unsubscribe(H, "/never", { id: "s" })), reply("/never", "unsubscribe"));
    alike(
      await door.one(unsubscribe(H, undefined, { id: "s" })),
      failed([], "402:subscription:Missing required parameter", "unsubscribe"),
    );
  });

  both(
    "99: what was published before an unsubscribe is delivered, what comes after it is not",
    base,
    async (door) => {
      const H = await door.session();
      const channel = `/${unique("before")}`;
      const heard = await hears(
        door,
        H,
        [subscribe(H, channel)],
        [publish(H, channel, "before", { id: "1" })],
        [unsubscribe(H, channel)],
        [publish(H, channel, "after", { id: "2" })],
      );
      alike(
        heard.filter(({ data }) => data !== "before"),
        [],
      );
    },
  );

  both("100: subscribe and publish in one unit", base, async (door) => {
    const H = await door.session();
    const channel = `/${unique("unit")}`;
    const heard = await hears(door, H, [subscribe(H, channel), publish(H, channel, 1, { id: "p" })]);
    alike(heard, [{ channel, data: 1 }]);
  });

  test("101, 194: more subscriptions than allowed", OURS, async () => {
    const door = new HttpDoor(base());
    const H = await door.session();
    const names = (count: number, prefix: string) =>
      Array.from({ length: count }, (_, n) => `/${prefix}${n}`);
    assert.equal((await door.one(subscribe(H, names(99, "a")))).successful, true);
    const two = ["/b0", "/b1"];
    alike(await door.one(subscribe(H, two, { id: "s" })), failed(two, "403:/b0:Too many subscriptions"));
    assert.equal((await door.one(subscribe(H, "/b0"))).successful, true);
    assert.equal((await door.one(subscribe(H, ["/a0", "/b0"]))).successful, true);
    alike(await door.one(subscribe(H, "/b1", { id: "s" })), failed("/b1", "403:/b1:Too many subscriptions"));
    assert.equal((await door.one(unsubscribe(H, "/a0"))).successful, true);
    assert.equal((await door.one(subscribe(H, "/b1"))).successful, true);
    const many = await door.one(subscribe(await door.session(), names(5000, "m")));
    assert.equal(many.error, "403:/m100:Too many subscriptions");
  });
});
