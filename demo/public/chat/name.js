import { byId, setText } from "./dom.js";
import { recall, remember } from "./memory.js";
import { cleanName, suggestName } from "./words.js";

const KEY = "actionwire.name";

/** What this person is called: suggested at first, chosen when they like, kept by the browser. */
export function createName({ onChange }) {
  const dialog = byId("name-dialog");
  const field = byId("name");
  let name = cleanName(recall(KEY, null));
  if (name === null) {
    name = suggestName();
    remember(KEY, name);
  }
  setText(byId("me-name"), name);

  function ask() {
    field.value = name;
    dialog.showModal();
    field.select();
  }

  byId("me").addEventListener("click", ask);
  byId("name-cancel").addEventListener("click", () => dialog.close());
  byId("name-form").addEventListener("submit", () => {
    const wanted = cleanName(field.value);
    if (wanted === null || wanted === name) return;
    name = wanted;
    remember(KEY, name);
    setText(byId("me-name"), name);
    onChange(name);
  });

  return { current: () => name, ask };
}
