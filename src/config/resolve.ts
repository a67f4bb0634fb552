import { type Config, type ConfigInput, declaration } from "./declaration.ts";
import { nearest } from "./nearest.ts";
import { keysAt, type Row, rows } from "./rows.ts";

/** The configuration was refused. `problems` has one sentence for each thing wrong. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      problems.length === 1
        ? `configuration refused: ${problems[0]}`
        : `configuration refused:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`,
    );
    this.problems = problems;
  }
}

type Env = Readonly<Record<string, string | undefined>>;
type Plain = Record<string, unknown>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown => {
  let value = root;
  for (const key of path)
    value = isPlain(value) || Array.isArray(value) ? Reflect.get(value, key) : undefined;
  return value;
};

/** A copy of `root` with the value at `path` replaced; what `root` shares with its owner is never written to. */
const withValue = (root: unknown, [key, ...rest]: readonly string[], value: unknown): unknown => {
  if (key === undefined) return value;
  // Something that is no object stays as it is, to be refused by the declaration under its own name.
  if (root !== undefined && !isPlain(root)) return root;
  return { ...root, [key]: withValue(root?.[key], rest, value) };
};

const show = (value: unknown): string => {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  let text: string;
  try {
    text = JSON.stringify(value) ?? typeof value;
  } catch {
    text = `something JSON cannot carry (${typeof value})`;
  }
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
};

const showSecret = (value: unknown): string => `a ${typeof value} (not shown)`;

const rowFor = (path: readonly PropertyKey[]): Row | undefined =>
  rows.find((row) => row.path.every((key, depth) => path[depth] === key));

const unknownKey = (path: readonly PropertyKey[], key: string): string => {
  const known = keysAt(path) ?? [];
  const name = [...path.map(String), key].join(".");
  const meant = nearest(key, known);
  if (meant) return `"${name}" is not a setting; did you mean "${[...path, meant].join(".")}"?`;
  const elsewhere = rows.find((row) => row.path.at(-1) === key);
  if (elsewhere) return `"${name}" is not a setting; did you mean "${elsewhere.path.join(".")}"?`;
  const where = path.length === 0 ? "the configuration" : `"${path.join(".")}"`;
  return `"${name}" is not a setting; ${where} has ${known.map((known) => `"${known}"`).join(", ")}`;
};

/** Text of an environment variable as the value it stands for; a text that is no number is left for the check to refuse. */
const fromText = (text: string, row: Row): unknown =>
  typeof row.byDefault === "number" && /^\s*-?\d+(\.\d+)?\s*$/.test(text) ? Number(text) : text;

interface Overridden {
  readonly input: unknown;
  /** Path to the name of the variable it came from. */
  readonly from: ReadonlyMap<string, string>;
}

const override = (input: unknown, env: Env): Overridden => {
  const from = new Map<string, string>();
  let result = input;
  for (const row of rows) {
    const name = row.about.env;
    const text = name === undefined ? undefined : env[name];
    // An empty variable is how a shell or a compose file says "not set".
    if (name === undefined || text === undefined || text === "") continue;
    from.set(row.path.join("."), name);
    result = withValue(result, row.path, fromText(text, row));
  }
  if (from.has("servers.web.keyFile") && from.has("servers.web.certFile")) {
    result = withValue(result, ["servers", "web", "secure"], true);
  }
  return { input: result, from };
};

interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly keys?: readonly string[];
}

const refusals = (issue: Issue, { input, from }: Overridden): string[] => {
  const row = rowFor(issue.path);
  if (row === undefined) {
    if (issue.code === "unrecognized_keys")
      return (issue.keys ?? []).map((key) => unknownKey(issue.path, key));
    const name = issue.path.length === 0 ? "the configuration" : `"${issue.path.join(".")}"`;
    return [`${name} must be an object of settings, got ${show(valueAt(input, issue.path))}`];
  }
  const name = row.path.join(".");
  const variable = from.get(name);
  const got = valueAt(input, row.path);
  const source = variable ? ` from the environment variable ${variable}` : "";
  return [`"${name}" must be ${row.expects}, got ${row.about.secret ? showSecret(got) : show(got)}${source}`];
};

/** What no single setting can say. */
const contradictions = (config: Config): string[] => {
  const problems: string[] = [];
  const { secure, keyFile, certFile } = config.servers.web;
  if (secure && (keyFile === null || certFile === null)) {
    const missing = [
      keyFile === null && '"servers.web.keyFile"',
      certFile === null && '"servers.web.certFile"',
    ];
    problems.push(`"servers.web.secure" is true, which needs ${missing.filter(Boolean).join(" and ")} too`);
  }
  if (!secure && (keyFile !== null || certFile !== null)) {
    problems.push(
      '"servers.web.keyFile" or "servers.web.certFile" is set but "servers.web.secure" is not true: it would serve plain HTTP',
    );
  }
  if (config.faye.jsonp !== "on" && config.faye.transports.every((name) => name === "callback-polling")) {
    problems.push('"faye.transports" has only "callback-polling", which "faye.jsonp" takes away');
  }
  return [...problems, ...collisions(config)];
};

/** Paths that every server answers by itself. */
const ownPaths = ["/healthz", "/readyz", "/metrics"];

/** Requests that two settings claim, or one and the server. */
const collisions = ({ faye, servers }: Config): string[] => {
  const { mount } = faye;
  const [actions, files] = [`/${servers.web.urlPathForActions}`, `/${servers.web.urlPathForFiles}`];
  const named: [string, string][] = [
    ["servers.web.urlPathForActions", actions],
    ["servers.web.urlPathForFiles", files],
  ];
  const problems = named
    .filter(([, path]) => path === mount || path.startsWith(`${mount}/`))
    .map(([name, path]) => `"faye.mount" ("${mount}") would take the requests of "${name}" ("${path}")`);
  if (actions === files)
    problems.push(
      `"servers.web.urlPathForActions" and "servers.web.urlPathForFiles" are both "${files.slice(1)}": they need paths of their own`,
    );
  for (const [name, path] of [["faye.mount", mount] as const, ...named])
    if (ownPaths.includes(path)) problems.push(`"${name}" ("${path}") would take the server's own ${path}`);
  return problems;
};

const freeze = <T>(value: T): T => {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
};

/**
 * The configuration with every default in place, overridden by the environment.
 *
 * @throws {ConfigError} naming every unknown key (with the nearest known one) and every bad value
 */
export const resolveConfig = (input: ConfigInput = {}, env: Env = {}): Config => {
  const overridden = override(input, env);
  const result = declaration.safeParse(overridden.input);
  if (!result.success) {
    throw new ConfigError([...new Set(result.error.issues.flatMap((issue) => refusals(issue, overridden)))]);
  }
  const problems = contradictions(result.data);
  if (problems.length > 0) throw new ConfigError(problems);
  return freeze(result.data);
};

/** Identity function that gives an `actionwire.config.ts` file its types. */
export const defineConfig = (config: ConfigInput): ConfigInput => config;
