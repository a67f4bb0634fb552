import { byId, setText } from "./dom.js";
import { clock, transportLabel } from "./words.js";

const WORDS = {
  connected: "Connected",
  connecting: "Connecting…",
  reconnecting: "Reconnecting…",
  disconnected: "Disconnected",
};

/** Transports named in the address (`?transports=long-polling`), in order of preference; none: whatever works best. */
export const forcedTransports = () =>
  (new URLSearchParams(location.search).get("transports") ?? "").split(",").filter((name) => name !== "");

/** Shows how we are connected, lets one choose another way and hang up. */
export function createConnectionView({ onHangUp, onDial }) {
  const choice = byId("transport");
  const hangUp = byId("hang-up");
  let state = "disconnected";
  let transport = null;

  const forced = forcedTransports().join(",");
  if (forced !== "" && ![...choice.options].some((option) => option.value === forced)) {
    choice.append(new Option(forced, forced));
  }
  choice.value = forced;
  choice.addEventListener("change", () => {
    const address = new URL(location.href);
    if (choice.value === "") address.searchParams.delete("transports");
    else address.searchParams.set("transports", choice.value);
    location.assign(address);
  });
  hangUp.addEventListener("click", () => (state === "disconnected" ? onDial() : onHangUp()));

  function draw() {
    document.body.dataset.state = state;
    setText(byId("status-text"), WORDS[state]);
    setText(
      byId("status-transport"),
      state === "connected" && transport !== null ? transportLabel(transport) : "",
    );
    setText(byId("fact-transport"), transport === null ? "…" : transportLabel(transport));
    setText(hangUp, state === "disconnected" ? "Connect" : "Disconnect");
  }
  draw();

  return {
    showState(now) {
      state = now;
      if (state !== "connected") transport = null;
      draw();
    },
    showDetails(details) {
      transport = details.transport ?? null;
      setText(byId("fact-since"), details.connectedAt ? clock(details.connectedAt) : "…");
      setText(byId("fact-id"), details.id ?? "…");
      draw();
    },
  };
}
