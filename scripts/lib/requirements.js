import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run } from "./run.js";

/**
 * Programs the suite drives that npm cannot bring. `neededBy` tells from the test files whether this run needs it; `service` is
 * what Debian's package would have run from now on.
 */
const PROGRAMS = [
  {
    name: "Chromium",
    commands: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    debianPackage: "chromium",
    neededBy: (file) => file.startsWith("test/browser/"),
  },
  {
    name: "Redis",
    commands: ["redis-server"],
    debianPackage: "redis-server",
    service: "redis-server",
    neededBy: (file) => file.startsWith("test/engine/redis") || file.startsWith("test/cluster/"),
  },
  {
    name: "OpenSSL",
    commands: ["openssl"],
    debianPackage: "openssl",
    neededBy: (file) => /https|tls|redis-failures/.test(file),
  },
  {
    name: "nginx",
    commands: ["nginx"],
    debianPackage: "nginx-light",
    service: "nginx",
    neededBy: (file) => file === "test/cluster/proxies.test.ts",
  },
  {
    name: "HAProxy",
    commands: ["haproxy"],
    debianPackage: "haproxy",
    service: "haproxy",
    neededBy: (file) => file === "test/cluster/proxies.test.ts",
  },
];

/** Where Debian puts what only root uses, though it need not be on the PATH of anybody else. */
const SYSTEM = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

function findCommand(command) {
  for (const folder of [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM]) {
    const path = join(folder, command);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return null;
}

const isThere = (program) => program.commands.some((command) => findCommand(command) !== null);

function isDebianLike() {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return false;
  }
}

/** The words to put before a command that needs root; null when we cannot become root without asking. */
async function asRoot() {
  if (process.getuid?.() === 0) return [];
  if (findCommand("sudo") && (await run("sudo", ["-n", "true"], { stdio: "ignore" })) === 0) {
    return ["sudo", "-n", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"];
  }
  return null;
}

/**
 * The tests start what they need themselves: a service of the package must not be left running on this machine, on ports of its own
 * choice. In runlevel 1 Debian's packages start none; where one was started all the same it is stopped, and not started at boot.
 */
async function aptInstall(programs) {
  const prefix = await asRoot();
  if (prefix === null) return false;
  const packages = programs.map((program) => program.debianPackage);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  for (const words of [
    ["apt-get", "update"],
    ["apt-get", "install", "-y", "--no-install-recommends", ...packages],
  ]) {
    const [command, ...args] = [...prefix, ...words];
    console.log(`> ${[command, ...args].join(" ")}`);
    if ((await run(command, args, { env })) !== 0) return false;
  }
  for (const { service } of programs) {
    if (!service) continue;
    const words = existsSync("/run/systemd/system")
      ? ["systemctl", "disable", "--now", service]
      : ["service", service, "stop"];
    const [command, ...args] = [...prefix, ...words];
    // Not running is what is wanted; a machine without service management has nothing to stop.
    await run(command, args, { env, stdio: "ignore" }).catch(() => 1);
  }
  return true;
}

/**
 * Makes sure that what these test files drive is installed. Where it cannot be, this says what to do, and the tests that
 * need it fail: nothing is skipped.
 */
export async function ensurePrograms(files) {
  const missing = PROGRAMS.filter((program) => files.some(program.neededBy) && !isThere(program));
  if (missing.length === 0) return;
  const packages = missing.map((program) => program.debianPackage);
  console.log(`Missing for the tests: ${missing.map((program) => program.name).join(", ")}.`);
  if (isDebianLike() && findCommand("apt-get") && (await aptInstall(missing)) && missing.every(isThere))
    return;
  console.log(
    [
      "Could not be installed from here. Please install, then run the tests again:",
      ...missing.map((program) => `  ${program.name}: one of ${program.commands.join(", ")} on the PATH`),
      `  Debian and Ubuntu: sudo apt-get update && sudo apt-get install -y ${packages.join(" ")}`,
      "The tests that need it will fail.",
      "",
    ].join("\n"),
  );
}
