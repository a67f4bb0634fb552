import { byId, setText } from "./dom.js";

const HELP = "Enter sends, Shift + Enter starts a new line.";
const NOTES = {
  connected: HELP,
  connecting: "Connecting. What you write is sent as soon as the line is up.",
  reconnecting: "The line is down, trying again. What you write waits here and is sent when it is back.",
  disconnected: "Not connected.",
};

/** The field for the next message. It keeps the words while the server cannot be reached at all. */
export function createComposer({ onSay }) {
  const form = byId("composer");
  const text = byId("text");
  const note = byId("note");
  let passing = null;

  function fit() {
    text.style.height = "auto";
    const borders = text.offsetHeight - text.clientHeight;
    text.style.height = `${Math.min(text.scrollHeight + borders, 160)}px`;
  }

  text.addEventListener("input", fit);
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const words = text.value.trim();
    if (words !== "" && onSay(words)) text.value = "";
    fit();
    text.focus();
  });

  let state = "disconnected";
  return {
    focus: () => text.focus(),
    showState(now) {
      state = now;
      if (passing === null) setText(note, NOTES[state]);
    },
    /** Says something for a while where the help stands. */
    tell(words) {
      clearTimeout(passing);
      setText(note, words);
      passing = setTimeout(() => {
        passing = null;
        setText(note, NOTES[state]);
      }, 6000);
    },
  };
}
