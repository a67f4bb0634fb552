import { byId, h, setText } from "./dom.js";
import { clock, counted, initials } from "./words.js";

const GROUP_WITHIN = 5 * 60_000;
const AT_THE_END = 48;

const STATES = { sending: "sending", waiting: "waiting for the line", sent: "sent", failed: "not sent" };

/** Shows one room's items. Follows the end, unless the reader has scrolled away from it. */
export function createLogView({ onRetry, empty, textOf }) {
  const log = byId("log");
  const latest = byId("latest");
  // A keyboard must be able to scroll it, also where the browser does not make scrolling parts focusable by itself.
  log.tabIndex = 0;
  /** What is on screen: item → the parts that change. */
  const shown = new Map();
  let lastItem = null;
  let behind = 0;

  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < AT_THE_END;

  function toEnd() {
    log.scrollTop = log.scrollHeight;
    behind = 0;
    latest.hidden = true;
  }

  latest.addEventListener("click", () => {
    toEnd();
    byId("text").focus();
  });
  log.addEventListener("scroll", () => {
    if (atEnd()) {
      behind = 0;
      latest.hidden = true;
    }
  });
  // A keyboard opening on a phone makes the frame smaller: stay at the end if we were there.
  let following = true;
  log.addEventListener("scroll", () => {
    following = atEnd();
  });
  new ResizeObserver(() => {
    if (following) log.scrollTop = log.scrollHeight;
  }).observe(log);

  const continues = (item) =>
    lastItem?.kind === "message" &&
    lastItem.from === item.from &&
    lastItem.name === item.name &&
    item.at - lastItem.at < GROUP_WITHIN;

  function messageLine(item) {
    const state = h("span", { class: "state" });
    const parts = { state, line: null };
    parts.line = h("div", { class: "line" }, h("p", { class: "words" }, item.text), state);
    shown.set(item, parts);
    drawState(item);
    return parts.line;
  }

  function drawState(item) {
    const parts = shown.get(item);
    if (parts?.state === undefined || item.state === null) return;
    parts.line.dataset.state = item.state;
    const label = item.state === "failed" && item.error ? `not sent: ${item.error}` : STATES[item.state];
    const retry = h(
      "button",
      { type: "button", class: "retry", on: { click: () => onRetry(item) } },
      "Try again",
    );
    parts.state.replaceChildren(
      h("span", { class: "visually-hidden" }, label),
      ...(item.state === "failed" ? [retry] : []),
    );
    parts.state.title = label;
  }

  const drawMessage = (item) => {
    const line = messageLine(item);
    if (continues(item)) {
      log.lastElementChild.querySelector(".lines").append(line);
      return;
    }
    const time = h("time", { dateTime: new Date(item.at).toISOString() }, clock(item.at));
    log.append(
      h(
        "article",
        { class: item.mine ? "group mine" : "group" },
        h("span", { class: "avatar", "aria-hidden": "true" }, initials(item.name)),
        h(
          "div",
          { class: "body" },
          h(
            "header",
            {},
            h("strong", {}, item.name),
            item.mine ? h("span", { class: "you" }, "you") : null,
            time,
          ),
          h("div", { class: "lines" }, line),
        ),
      ),
    );
  };

  const drawNote = (item) => {
    const words = h("span", {}, textOf(item));
    const time = h("time", { dateTime: new Date(item.at).toISOString() }, clock(item.at));
    shown.set(item, { words });
    log.append(h("p", { class: `event ${item.kind}` }, words, time));
  };

  function draw(item) {
    if (item.kind === "message") drawMessage(item);
    else drawNote(item);
    lastItem = item;
  }

  function clear() {
    log.replaceChildren();
    shown.clear();
    lastItem = null;
  }

  return {
    show(room) {
      clear();
      if (room.items.length === 0) log.append(h("div", { class: "empty" }, ...empty(room)));
      for (const item of room.items) draw(item);
      toEnd();
    },
    append(item) {
      const follow = atEnd() || item.mine;
      log.querySelector(".empty")?.remove();
      draw(item);
      if (follow) return toEnd();
      if (item.kind === "message") behind += 1;
      if (behind > 0) {
        setText(latest, `${counted(behind, "new message", "new messages")} below`);
        latest.hidden = false;
      }
    },
    update: drawState,
    /** Somebody's name became known after their coming was shown. */
    relabel() {
      for (const [item, { words }] of shown) if (words) setText(words, textOf(item));
    },
  };
}
