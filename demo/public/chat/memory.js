/** What the browser keeps between visits. A browser that keeps nothing (private windows, full disks) is fine too. */
export function recall(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // this visit only, then
  }
}
