/** On narrow screens the parts of the page are shown one at a time. */
export function createTabs() {
  const buttons = [...document.querySelectorAll(".tabs button")];

  function show(view) {
    document.body.dataset.view = view;
    for (const button of buttons) {
      if (button.dataset.view === view) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
  }

  for (const button of buttons) button.addEventListener("click", () => show(button.dataset.view));
  return { show };
}
