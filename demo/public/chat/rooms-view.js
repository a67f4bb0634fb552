import { byId, h } from "./dom.js";
import { cleanName } from "./words.js";

const lastWords = (room) => {
  const item = room.items.findLast((each) => each.kind === "message");
  return item ? `${item.name}: ${item.text}` : "nothing yet";
};

const bell = (on) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M10 2.5a5 5 0 0 0-5 5v3L3.5 14h13L15 10.5v-3a5 5 0 0 0-5-5Zm-2 13a2 2 0 0 0 4 0");
  svg.append(path);
  svg.classList.toggle("filled", on);
  return svg;
};

/** The list of rooms: one is entered by its name, listened to by its bell. */
export function createRoomsView({ onEnter, onListen }) {
  const list = byId("room-list");
  const form = byId("room-form");
  /** Elements stay, so that focus does too. */
  const rows = new Map();

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = cleanName(form.elements.room.value);
    if (name === null) return;
    form.reset();
    onEnter(name);
  });

  function row(room) {
    const name = h("span", { class: "room-name" }, room.name);
    const words = h("span", { class: "room-words" });
    const badge = h("span", { class: "badge" });
    const enter = h(
      "button",
      { type: "button", class: "room", on: { click: () => onEnter(room.name) } },
      name,
      words,
      badge,
    );
    const ear = h("button", { type: "button", class: "ear", on: { click: () => onListen(room.name) } });
    return { item: h("li", {}, enter, ear), words, badge, enter, ear, drawn: "" };
  }

  function draw(room, here) {
    const parts = rows.get(room.name);
    const words = here ? "you are here" : room.listening ? lastWords(room) : "";
    const now = JSON.stringify([here, room.listening, room.unread, words]);
    if (parts.drawn === now) return;
    parts.drawn = now;
    parts.words.textContent = words;
    parts.badge.hidden = room.unread === 0;
    parts.badge.replaceChildren(
      room.unread > 99 ? "99+" : String(room.unread),
      h("span", { class: "visually-hidden" }, room.unread === 1 ? " unread message" : " unread messages"),
    );
    if (here) parts.enter.setAttribute("aria-current", "true");
    else parts.enter.removeAttribute("aria-current");
    parts.ear.setAttribute("aria-pressed", String(room.listening));
    parts.ear.setAttribute("aria-label", `Keep listening to ${room.name}`);
    parts.ear.title = room.listening ? "Stop listening from elsewhere" : "Listen from wherever you are";
    parts.ear.replaceChildren(bell(room.listening));
  }

  return {
    draw(rooms, current) {
      for (const room of rooms) {
        if (!rows.has(room.name)) rows.set(room.name, row(room));
        draw(room, room === current);
      }
      const wanted = rooms.map((room) => rows.get(room.name).item);
      if (wanted.some((item, index) => list.children[index] !== item)) list.replaceChildren(...wanted);
    },
  };
}
