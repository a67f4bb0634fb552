export interface Closable {
  close(): Promise<unknown> | unknown;
}

/** Closes the last opened first, each one even when another fails, and then tells what failed. For `after` hooks. */
export async function closeAll(...things: readonly (Closable | null | undefined)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const thing of [...things].reverse()) {
    try {
      await thing?.close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, "could not close everything");
}
