import { byId, setText } from "./dom.js";

/** Calls actions and shows the answers. */
export function createServerPanel({ line }) {
  const title = byId("answer-title");
  const body = byId("answer-body");
  let calls = 0;

  for (const form of document.querySelectorAll("form.action")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const name = form.dataset.action;
      const params = Object.fromEntries(new FormData(form));
      calls += 1;
      const call = calls;
      const began = performance.now();
      const took = () => `${Math.round(performance.now() - began)} ms`;
      setText(title, `${name} …`);
      byId("answer").dataset.state = "waiting";
      try {
        const { context: _c, messageCount: _n, messageId: _i, ...answer } = await line.action(name, params);
        if (call !== calls) return;
        setText(title, `${name} answered in ${took()}`);
        setText(body, JSON.stringify(answer, null, 2));
        byId("answer").dataset.state = "done";
      } catch (error) {
        if (call !== calls) return;
        setText(title, `${name} failed after ${took()}`);
        setText(body, error.code ? `${error.message}\n(${error.code})` : error.message);
        byId("answer").dataset.state = "failed";
      }
    });
  }
}
