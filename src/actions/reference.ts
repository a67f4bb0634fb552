import { errorTable } from "./errors.ts";

const opening = `# Errors

<!-- Written from src/actions/errors.ts: change it there, then run UPDATE_DOCS=1 node --import tsx --test test/actions/*.test.ts -->

A failed action answers \`error\` (a text for people), \`code\` (the API) and, where there are any, \`details\` and \`errorId\`;
over a connection and over HTTP alike, there with the status below. Braces stand for a value. An \`ActionError\` of the application
answers its own code and message, with status 400 unless it names one.

| code | HTTP status | error | what to do |
| --- | --- | --- | --- |`;

/** docs/errors.md, whole. */
export const errorReference = (): string => {
  const lines = Object.entries(errorTable).map(
    ([code, { status, message, remedy }]) => `| \`${code}\` | ${status} | ${message} | ${remedy} |`,
  );
  return `${[opening, ...lines].join("\n")}\n`;
};
