export interface PageListener {
  /** Something happened after which a broken line should be found out, and a lost one mended, at once. */
  wake(): void;
  /** The page goes away and will not come back. */
  leave(): void;
}

/** Watches the page, where there is one. Returns how to stop. `offline` is not watched: it is wrong too often. */
export function watchPage(listener: PageListener): () => void {
  if (typeof window === "undefined" || typeof window.addEventListener !== "function") return () => {};
  const shown = () => {
    if (document.visibilityState === "visible") listener.wake();
  };
  const hidden = (event: Event) => {
    // A persisted page is only put aside, and may be shown again as it was.
    if (!(event as PageTransitionEvent).persisted) listener.leave();
  };
  const wake = () => listener.wake();
  window.addEventListener("online", wake);
  window.addEventListener("pageshow", wake);
  window.addEventListener("pagehide", hidden);
  document.addEventListener("visibilitychange", shown);
  return () => {
    window.removeEventListener("online", wake);
    window.removeEventListener("pageshow", wake);
    window.removeEventListener("pagehide", hidden);
    document.removeEventListener("visibilitychange", shown);
  };
}
