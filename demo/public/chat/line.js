/**
 * The connection to the server, whatever carries it: a thin layer over `actionHeroWebSocket` that tells of every change
 * of state, and of what arrives. After `hangUp` it can be dialled again.
 */
export function createLine({ transports, onState, onMessage, onGap, onNotice, onBack }) {
  let client = null;
  let state = "disconnected";
  let id = null;

  function look() {
    const now = client?.state ?? "disconnected";
    if (now === state) return;
    state = now;
    onState(state);
  }

  async function dial() {
    // One that never got through must not go on trying beside its successor.
    if (client !== null) Promise.resolve(client.disconnect()).catch(() => {});
    const options = transports.length > 0 ? { transports } : {};
    client = new globalThis.actionHeroWebSocket(options);
    client.events = {
      say: onMessage,
      gap: (message) => onGap(message.gap),
      api: (message) => onNotice(asNotice(message)),
      alert: (message) => onNotice(asNotice(message)),
      disconnect: look,
      reconnect: () => {
        look();
        const renewed = client.id !== id;
        id = client.id;
        onBack({ renewed });
      },
    };
    const connecting = client.connect();
    look();
    const details = await connecting;
    id = client.id;
    look();
    return details.data ?? details;
  }

  // `state` has no event of its own for each of its values.
  setInterval(look, 250);

  return {
    dial,
    get id() {
      return client?.id ?? null;
    },
    get room() {
      return client?.room ?? null;
    },
    get state() {
      return state;
    },
    say: (text) => client.say(text),
    action: (name, params) => client.action(name, params),
    enter: (room) => client.roomChange(room),
    listen: (room) => client.listenToRoom(room),
    silence: (room) => client.silenceRoom(room),
    async members() {
      const reply = await client.roomView();
      return reply.data ?? reply;
    },
    async details() {
      const reply = await client.detailsView();
      return reply.data ?? reply;
    },
    async hangUp() {
      await client?.disconnect();
      look();
    },
  };
}

function asNotice(message) {
  if (typeof message?.status === "string") return [message.status, message.reason].filter(Boolean).join(" ");
  const { context: _, ...rest } = message ?? {};
  return typeof rest.message === "string" ? rest.message : JSON.stringify(rest);
}
