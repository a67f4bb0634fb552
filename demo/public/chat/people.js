import { byId, h, setText } from "./dom.js";
import { counted, guestName, initials } from "./words.js";

/** Who is in the room, and what they are called: names come with what people say, and from the action `people`. */
export function createPeople({ line, onDrawn }) {
  const list = byId("people-list");
  const names = new Map();
  let members = [];
  let total = 0;
  let again = false;
  let looking = false;

  const nameOf = (id) => (id === null ? "Server" : (names.get(id) ?? guestName(id)));

  async function askNames(ids) {
    const unknown = ids.filter((id) => !names.has(id) && id !== line.id);
    if (unknown.length === 0) return;
    const reply = await line.action("people", { ids: unknown.slice(0, 100) });
    for (const [id, name] of Object.entries(reply.names ?? {})) names.set(id, name);
  }

  function draw(myName) {
    const label = (id) => (id === line.id ? myName() : nameOf(id));
    const rows = members
      .toSorted((a, b) => Number(b.id === line.id) - Number(a.id === line.id) || a.joinedAt - b.joinedAt)
      .map(({ id, state }) =>
        h(
          "li",
          { class: state === "away" ? "person away" : "person" },
          h("span", { class: "avatar", "aria-hidden": "true" }, initials(label(id))),
          h(
            "span",
            { class: "person-name" },
            label(id),
            id === line.id ? h("span", { class: "you" }, "you") : null,
          ),
          h("span", { class: "person-state" }, state),
        ),
      );
    if (rows.length === 1 && members[0].id === line.id) {
      rows.push(
        h(
          "li",
          { class: "hint" },
          "Only you so far. Open this page in a second window, or send somebody the link.",
        ),
      );
    }
    if (total > members.length)
      rows.push(h("li", { class: "hint" }, `and ${counted(total - members.length, "other", "others")}`));
    list.replaceChildren(...rows);
    setText(byId("room-people"), total === 0 ? "\u00a0" : counted(total, "person here", "people here"));
    onDrawn();
  }

  return {
    nameOf,
    /** Somebody told their name. */
    learn(id, name) {
      if (id !== null && name !== null) names.set(id, name);
    },
    /** Asks who came or went, twice: whoever comes in introduces themselves a moment later. */
    async meet(id, myName) {
      for (const wait of [0, 600]) {
        await new Promise((resolve) => setTimeout(resolve, wait));
        try {
          await askNames([id]);
        } catch {
          // they stay a guest until they say something
        }
        draw(myName);
      }
    },
    clear(myName) {
      members = [];
      total = 0;
      draw(myName);
    },
    draw,
    /** Looks who is here; called while it looks, it looks once more afterwards. */
    async look(myName) {
      again = true;
      if (looking) return;
      looking = true;
      try {
        while (again) {
          again = false;
          const view = await line.members();
          members = Object.values(view.members ?? {});
          total = view.membersCount ?? members.length;
          await askNames(members.map(({ id }) => id));
          draw(myName);
        }
      } catch {
        // the next look, a moment later, will tell
      } finally {
        looking = false;
      }
    },
  };
}
