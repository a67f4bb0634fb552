/** What `generate` writes. */

export const actionFile = (name: string): string => `import { defineAction } from "actionwire";
import { z } from "zod";

export default defineAction({
  name: ${JSON.stringify(name)},
  description: "says what it does",
  inputs: z.object({ name: z.string().default("world") }),
  run: ({ params }) => ({ greeting: \`hello \${params.name}\` }),
});
`;

const configFile = `import { defineConfig } from "actionwire";

// Every setting: docs/configuration.md of the package. Write only what differs from the defaults.
export default defineConfig({
  general: { serverName: "my server", defaultChatRoom: "defaultRoom" },
  servers: { web: { port: 8080 } },
});
`;

const hooksFile = `import { defineHooks } from "actionwire";

export default defineHooks({
  // Who is this? Return any JSON; throw a Refusal to turn somebody away.
  authenticate: ({ ext }) => (typeof ext.token === "string" ? { name: ext.token } : null),
  // May this connection join, listen to, speak in or view this room?
  authorizeRoom: () => true,
});
`;

const page = `<!doctype html>
<meta charset="utf-8">
<title>Actionwire</title>
<script src="/faye/client.js"></script>
<script src="/public/javascript/actionHeroWebSocket.js"></script>
<h1>It runs</h1>
<form><input autocomplete="off" placeholder="say something"> <button>Say</button></form>
<pre></pre>
<script>
  var A = new actionHeroWebSocket;
  var pre = document.querySelector("pre");
  function show(text) { pre.textContent += text + "\\n"; }
  A.events = {
    say: function (message) { show(message.from + ": " + JSON.stringify(message.message)); },
    disconnect: function () { show("disconnected"); },
    reconnect: function () { show("reconnected"); }
  };
  A.connect(function (error, details) {
    if (error) { return show(String(error)); }
    show("connected to " + details.data.room);
    A.action("hello", { name: "browser" }, function (error, response) {
      show(error ? String(error) : response.greeting);
    });
  });
  document.querySelector("form").onsubmit = function (event) {
    event.preventDefault();
    var input = document.querySelector("input");
    A.say(input.value, function (error) { show(error ? String(error) : "you: " + input.value); });
    input.value = "";
  };
</script>
`;

const packageFile = (name: string, version: string): string =>
  `${JSON.stringify(
    {
      name,
      private: true,
      type: "module",
      // `exec`, so that what npm is told to stop is the server and not a shell before it.
      scripts: { start: "exec actionwire start", actions: "actionwire actions" },
      dependencies: { actionwire: `^${version}`, zod: "^4.0.0" },
    },
    null,
    2,
  )}\n`;

/** Files of a new project: name and text. */
export const projectFiles = (name: string, version: string): readonly (readonly [string, string])[] => [
  ["package.json", packageFile(name, version)],
  ["actionwire.config.ts", configFile],
  ["hooks.ts", hooksFile],
  ["actions/hello.ts", actionFile("hello")],
  ["public/index.html", page],
  [".gitignore", "node_modules/\n"],
];
