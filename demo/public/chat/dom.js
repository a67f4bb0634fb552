/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** Builds an element. Children are elements or texts, never markup: what people wrote stays text. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name === "on")
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets a text only where it differs, so that live regions do not speak for nothing. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
