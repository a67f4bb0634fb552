import { createComposer } from "./composer.js";
import { createConnectionView, forcedTransports } from "./connection-view.js";
import { byId, h, setText } from "./dom.js";
import { createLine } from "./line.js";
import { createLogView } from "./log-view.js";
import { createName } from "./name.js";
import { createPeople } from "./people.js";
import { createRooms } from "./rooms.js";
import { createRoomsView } from "./rooms-view.js";
import { createServerPanel } from "./server-panel.js";
import { createTabs } from "./tabs.js";
import { announcement, cleanName, counted, decode, encode } from "./words.js";

const LOOK_EVERY = 10_000;
const DIAL_AGAIN_AFTER = 5_000;

const rooms = createRooms();
const tabs = createTabs();
const line = createLine({ transports: forcedTransports(), onState, onMessage, onGap, onNotice, onBack });
const people = createPeople({ line, onDrawn: () => logView.relabel() });
const logView = createLogView({ onRetry: send, empty: emptyRoom, textOf });
const roomsView = createRoomsView({ onEnter: enter, onListen: toggleListening });
const composer = createComposer({ onSay: say });
const connection = createConnectionView({ onHangUp: () => line.hangUp(), onDial: dial });
const name = createName({ onChange: rename });
createServerPanel({ line });

let defaultRoom = null;
/** Settles when we are in the room that is shown; what is said waits for it. */
let entering = Promise.resolve();

// ── what is shown

function emptyRoom(room) {
  const choose = h(
    "button",
    { type: "button", class: "link", on: { click: () => name.ask() } },
    "choose another name",
  );
  return [
    h("p", { class: "empty-title" }, `Nothing said in ${room.name} since you came`),
    h("p", {}, "Say hello, or open this page in a second window and talk to yourself."),
    h("p", {}, `You are ${name.current()}; `, choose, "."),
  ];
}

function textOf(item) {
  if (item.kind === "came") return `${people.nameOf(item.from)} came in`;
  if (item.kind === "went") return `${people.nameOf(item.from)} left`;
  return item.text;
}

function drawRooms() {
  roomsView.draw(rooms.list(defaultRoom), rooms.current);
  const unread = rooms.unread();
  const badge = byId("tab-unread");
  badge.hidden = unread === 0;
  setText(badge, unread > 99 ? "99+" : String(unread));
  const count = unread > 0 ? `(${unread}) ` : "";
  document.title = rooms.current ? `${count}${rooms.current.name} · Actionwire chat` : "Actionwire chat";
}

function showRoom(room) {
  setText(byId("room-title"), room.name);
  byId("text").placeholder = `Message ${room.name}`;
  logView.show(room);
  history.replaceState(null, "", `#${encodeURIComponent(room.name)}`);
  drawRooms();
}

function add(room, item) {
  rooms.add(room, item);
  if (room === rooms.current) logView.append(item);
  const unseen = room !== rooms.current || document.hidden;
  if (item.kind === "message" && !item.mine && unseen) room.unread += 1;
  drawRooms();
}

const note = (room, kind, text) => add(room, { kind, text, at: Date.now() });

// ── what arrives

function onState(state) {
  connection.showState(state);
  composer.showState(state);
  if (state === "reconnecting" && rooms.current) markWaiting();
}

function onMessage({ from, room: roomName, message, sentAt }) {
  const room = rooms.get(roomName);
  const at = typeof sentAt === "number" ? sentAt : Date.now();
  const moved = announcement(message);
  if (moved !== null) {
    add(room, { kind: moved === "entered" ? "came" : "went", from, at });
    people.meet(from, name.current);
    if (room === rooms.current) look();
    return;
  }
  const said = decode(message);
  people.learn(from, said.name);
  add(room, {
    kind: "message",
    from,
    name: said.name ?? people.nameOf(from),
    text: said.text,
    at,
    mine: false,
    state: null,
  });
}

function onGap({ room: roomName, missed }) {
  const text =
    typeof missed === "number"
      ? `${counted(missed, "message is missing", "messages are missing")} here`
      : "Messages may be missing here";
  note(roomName ? rooms.get(roomName) : rooms.current, "gap", text);
}

function onNotice(text) {
  if (rooms.current) note(rooms.current, "notice", text);
  else composer.tell(text);
}

async function onBack({ renewed }) {
  if (renewed) await introduce();
  refresh();
}

// ── what the person does

function say(text) {
  if (rooms.current === null || line.state === "disconnected") {
    composer.tell("You are not connected. Connect first; your words stay here.");
    return false;
  }
  const item = {
    kind: "message",
    from: "me",
    name: name.current(),
    text,
    at: Date.now(),
    mine: true,
    state: "sending",
  };
  if (line.state !== "connected") item.state = "waiting";
  add(rooms.current, item);
  send(item);
  return true;
}

async function send(item) {
  if (item.state === "failed") {
    item.state = "sending";
    logView.update(item);
  }
  try {
    await entering;
    await line.say(encode(item.name, item.text));
    item.state = "sent";
  } catch (error) {
    item.state = "failed";
    item.error = error.message;
  }
  logView.update(item);
}

/** What was on its way when the line broke is sent again by the client; say so. */
function markWaiting() {
  for (const item of rooms.current.items) {
    if (item.state !== "sending") continue;
    item.state = "waiting";
    logView.update(item);
  }
}

async function enter(roomName) {
  const before = rooms.current;
  tabs.show("chat");
  if (before?.name === roomName) return composer.focus();
  const known = rooms.list().some((room) => room.name === roomName);
  const room = rooms.select(roomName);
  if (room.items.length > 0 && !room.listening)
    note(room, "notice", "You came back; what was said meanwhile is not shown.");
  showRoom(room);
  people.clear(name.current);
  composer.focus();
  const entered = line.enter(roomName);
  entering = entered;
  try {
    await entered;
    await look();
  } catch (error) {
    composer.tell(`Could not enter ${roomName}: ${error.message}`);
    if (entering !== entered) return;
    entering = Promise.resolve();
    showRoom(rooms.select(before?.name ?? defaultRoom));
    if (!known) rooms.forget(roomName);
    drawRooms();
    look();
  }
}

async function toggleListening(roomName) {
  const room = rooms.get(roomName);
  const wanted = !room.listening;
  room.listening = wanted;
  drawRooms();
  try {
    await (wanted ? line.listen(roomName) : line.silence(roomName));
  } catch (error) {
    room.listening = !wanted;
    composer.tell(`Could not ${wanted ? "listen to" : "silence"} ${roomName}: ${error.message}`);
    drawRooms();
  }
}

async function rename() {
  people.draw(name.current);
  if (rooms.current?.items.length === 0) logView.show(rooms.current);
  await introduce();
}

async function introduce() {
  try {
    await line.action("introduce", { name: name.current() });
  } catch {
    // others see "Guest …" until we say something: our name goes with every message
  }
}

// ── keeping up

const look = () => (line.state === "connected" && rooms.current ? people.look(name.current) : undefined);

async function refresh() {
  if (line.state !== "connected" || document.hidden) return;
  look();
  try {
    connection.showDetails(await line.details());
  } catch {
    // shown at the next refresh
  }
}

setInterval(refresh, LOOK_EVERY);
document.addEventListener("visibilitychange", () => {
  if (document.hidden || rooms.current === null) return;
  rooms.current.unread = 0;
  drawRooms();
  refresh();
});

/** The room that the address names (`#kitchen`): a page that is loaded anew goes back to where it was. */
function roomInAddress() {
  try {
    return cleanName(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null;
  }
}

async function dial() {
  if (line.state !== "disconnected") return;
  try {
    const details = await line.dial();
    connection.showDetails(details);
    defaultRoom ??= details.room;
    const wanted = rooms.current?.name ?? roomInAddress() ?? details.room;
    const listening = rooms.listened();
    showRoom(rooms.select(details.room));
    await introduce();
    if (wanted !== details.room) await enter(wanted);
    await Promise.all(listening.map((room) => line.listen(room.name)));
    refresh();
    // The socket may take over from the first poll a moment after connecting.
    setTimeout(refresh, 1500);
  } catch (error) {
    composer.tell(`Could not connect: ${error.message}. Trying again.`);
    setTimeout(dial, DIAL_AGAIN_AFTER);
  }
}

if (globalThis.actionHeroWebSocket === undefined) {
  composer.tell("The client did not load: is the server running? Reload the page to try again.");
} else {
  dial();
  composer.focus();
}
