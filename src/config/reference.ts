import { type BlockRows, blocks, type Row } from "./rows.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

const byDefault = ({ byDefault: value, about }: Row): string =>
  `\`${JSON.stringify(value)}\`${about.unit && typeof value === "number" ? ` ${about.unit}` : ""}`;

const line = (row: Row): string => {
  const env = row.about.env ? `\`${row.about.env}\`` : "";
  const cells = [`\`${row.path.at(-1)}\``, byDefault(row), row.expects, env, row.about.description];
  return `| ${cells.map(cell).join(" | ")} |`;
};

const section = ({ path, description, rows }: BlockRows): string =>
  [
    `## \`${path.join(".")}\``,
    "",
    description,
    "",
    "| setting | default | accepts | environment | meaning |",
    "| --- | --- | --- | --- | --- |",
    ...rows.map(line),
  ].join("\n");

const opening = `# Configuration

<!-- Written from src/config/declaration.ts: change it there, then run UPDATE_DOCS=1 node --import tsx --test test/config/*.test.ts -->

A project's \`actionwire.config.ts\` (or \`.js\`, \`.mjs\`) exports it by default; \`createServer({ config })\` takes the same object.
Write only what differs from the defaults.

\`\`\`ts
import { defineConfig } from "actionwire";

export default defineConfig({
  servers: { web: { port: 3000 } },
  general: { defaultChatRoom: "lobby" },
});
\`\`\`

Environment variables override it; an empty one counts as not set. \`TLS_KEY_FILE\` and \`TLS_CERT_FILE\` together also switch
\`servers.web.secure\` on. An unknown setting or a bad value stops the start, with a message that names it and what was expected.`;

/** docs/configuration.md, whole. */
export const configurationReference = (): string => `${[opening, ...blocks.map(section)].join("\n\n")}\n`;
