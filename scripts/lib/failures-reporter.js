/**
 * A reporter for Node's test runner that writes the failed tests alone, for the end of a long run: where each stands, and why
 * it failed. https://nodejs.org/api/test.html#custom-reporters
 */
export default async function* failures(events) {
  for await (const { type, data } of events) {
    if (type !== "test:fail" || data.details.error?.failureType === "subtestsFailed") continue;
    const error = data.details.error?.cause ?? data.details.error;
    const reason = String(error?.message ?? error).replaceAll("\n", "\n      ");
    yield `    ✖ ${data.name} (${data.file ?? "?"}:${data.line ?? "?"})\n      ${reason}\n`;
  }
}
