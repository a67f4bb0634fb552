/**
 * Where the keys come from that a Lua script hands to Redis: from KEYS, by name and through the functions of lua/lib. Whatever else
 * stands in a key's place is told. Knows the Lua that is written here, not all of it.
 */

/** Commands that take no key, and those all of whose arguments are keys. */
const KEYLESS: ReadonlySet<string> = new Set(["TIME"]);
const ALL_KEYS: ReadonlySet<string> = new Set(["DEL", "EXISTS"]);

/** What makes an object that holds keys it was handed. */
const MAKERS = /^(open_topic|enter_party)\(/;
const PATH = /^[a-z_]+(\.[a-z_]+)*$/;

interface LuaFunction {
  readonly name: string;
  readonly params: readonly string[];
  readonly body: string;
}

/** By name: the places of the parameters that are keys, or hold some. */
type KeyPlaces = Map<string, Set<number>>;

const withoutComments = (text: string): string => text.replace(/--.*$/gm, "");

/** Split at the commas that stand in no bracket and no text. */
function split(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let part = "";
  for (const sign of text) {
    if (sign === "'") quoted = !quoted;
    else if (!quoted && "([{".includes(sign)) depth += 1;
    else if (!quoted && ")]}".includes(sign)) depth -= 1;
    if (sign === "," && depth === 0 && !quoted) {
      parts.push(part.trim());
      part = "";
    } else part += sign;
  }
  return part.trim() === "" ? parts : [...parts, part.trim()];
}

/** What stands between the bracket at `open` and the one that closes it. */
function inside(text: string, open: number): string {
  let depth = 0;
  let quoted = false;
  for (let at = open; at < text.length; at += 1) {
    const sign = text[at]!;
    if (sign === "'") quoted = !quoted;
    else if (!quoted && sign === "(") depth += 1;
    else if (!quoted && sign === ")") depth -= 1;
    if (depth === 0) return text.slice(open + 1, at);
  }
  return text.slice(open + 1);
}

/** Every call of a function, with its arguments. */
function callsOf(text: string, name: string): string[][] {
  const begins = new RegExp(`(?<!function )(?<![\\w.])${name.replaceAll(".", "\\.")}\\(`, "g");
  return [...text.matchAll(begins)].map(({ index, 0: call }) => split(inside(text, index + call.length - 1)));
}

export function functionsOf(text: string): LuaFunction[] {
  return [...withoutComments(text).matchAll(/^local function (\w+)\(([^)]*)\)(.* end$|[\s\S]*?^end$)/gm)].map(
    ([, name, params, body]) => ({ name: name!, params: split(params!), body: body! }),
  );
}

/** Of `a, b = c, d`, and of `for a in …`: each name with what it becomes. */
function assignments(text: string): [name: string, value: string][] {
  return [...text.matchAll(/^\s*(?:if .* then )?(?:local )?([a-z_]+(?:, [a-z_]+)*) = (.+)$/gm)].flatMap(
    ([, names, values]) => {
      const given = split(values!);
      const several = given.length === 1 && given[0]!.includes("(");
      return split(names!).map((name, at): [string, string] => [
        name,
        // Of what a function returns the first is the object that it makes.
        given[at] ?? (several ? `${at}: ${given[0]}` : "nil"),
      ]);
    },
  );
}

/** Names that are keys, or hold nothing else. */
function trusted(text: string, given: readonly string[]): (expression: string) => boolean {
  const all = assignments(text);
  const names = new Set(given);
  const isTrusted = (expression: string): boolean => {
    if (/^\{.*\}$/.test(expression))
      return split(expression.slice(1, -1)).every((field) => isTrusted(field.replace(/^\w+ = /, "")));
    return /^KEYS\[\d\]$/.test(expression) || (PATH.test(expression) && names.has(expression.split(".")[0]!));
  };
  const comes = (value: string): boolean =>
    isTrusted(value) || MAKERS.test(value) || /^(\d+: )?unpack\(KEYS\)$/.test(value);
  const assigned = new Map<string, string[]>();
  for (const [name, value] of all) assigned.set(name, [...(assigned.get(name) ?? []), value]);
  for (let known = -1; known !== names.size; ) {
    known = names.size;
    for (const [name, values] of assigned) if (values.every(comes)) names.add(name);
  }
  // A name that later becomes something else is none, nor is what is made of it.
  for (let known = -1; known !== names.size; ) {
    known = names.size;
    for (const [name, values] of assigned) if (!values.every(comes)) names.delete(name);
  }
  return isTrusted;
}

/** What stands in the place of a key in this text and is none. */
function strangers(text: string, given: readonly string[], places: KeyPlaces): string[] {
  const isKey = trusted(text, given);
  const found: string[] = [];
  for (const [quoted = "", ...rest] of [...callsOf(text, "redis.call"), ...callsOf(text, "redis.pcall")]) {
    const [, command] = /^'([A-Z]+)'$/.exec(quoted) ?? [];
    if (command === undefined) found.push(`${quoted} is no command by name`);
    else if (!KEYLESS.has(command)) {
      const keys = ALL_KEYS.has(command) ? rest : rest.slice(0, 1);
      if (keys.length === 0) found.push(`${command} without a key`);
      found.push(...keys.filter((key) => !isKey(key)).map((key) => `${command} ${key}`));
    }
  }
  for (const [name, positions] of places) {
    for (const args of callsOf(text, name)) {
      for (const at of positions)
        if (!isKey(args[at] ?? "nil")) found.push(`${name}(… ${args[at] ?? "nothing"} …)`);
    }
  }
  return found;
}

/** Of functions, the parameters that have to be keys: with any other the function would hand Redis something else. */
function keyPlaces(functions: readonly LuaFunction[]): KeyPlaces {
  const places: KeyPlaces = new Map(functions.map(({ name }) => [name, new Set<number>()]));
  const size = (): number => [...places.values()].reduce((all, { size }) => all + size, 0);
  for (let known = -1; known !== size(); ) {
    known = size();
    for (const { name, params, body } of functions) {
      for (const [at, param] of params.entries()) {
        const others = params.filter((other) => other !== param);
        const keeps = new RegExp(`^\\s*keys? = ${param},$`, "m").test(body);
        const without = strangers(body, others, places).length > strangers(body, params, places).length;
        if (keeps || without) places.get(name)!.add(at);
      }
    }
  }
  return places;
}

/** What a script, or one of the functions that it is given, hands to Redis as a key and has not from KEYS. */
export function strangeKeys(script: string, parts: string): string[] {
  const functions = functionsOf(parts);
  const places = keyPlaces(functions);
  return [
    ...functions.flatMap(({ params, body }) => strangers(body, params, places)),
    ...strangers(withoutComments(script), [], places),
  ];
}

/** The places of keys among the parameters of these functions, for whoever wants to see that they are found. */
export function keyParameters(parts: string): Record<string, string[]> {
  const functions = functionsOf(parts);
  const places = keyPlaces(functions);
  return Object.fromEntries(
    functions.map(({ name, params }) => [name, params.filter((_, at) => places.get(name)!.has(at))]),
  );
}
