/** Bare `node:http` that holds requests and answers all of them with one buffer, built once per turn of the event loop. */
import { createServer } from "node:http";
import { listen } from "./lib.js";

const LOG = 1000;
let first = 0;
let log = [];
/** What was said in this turn. */
let said = [];
let waiting = [];

function answer(response, body) {
  response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": body.length });
  response.end(body);
}

function flush() {
  const body = Buffer.from(said.join("\n"));
  log.push(...said);
  if (log.length > LOG) {
    first += log.length - LOG;
    log = log.slice(-LOG);
  }
  said = [];
  const held = waiting;
  waiting = [];
  for (const response of held) answer(response, body);
}

/** `GET /n`: what comes after the first n. `GET /`: how many there are. `POST /`: says each line. */
const server = createServer((request, response) => {
  if (request.method === "POST") {
    let body = "";
    request.setEncoding("latin1").on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      if (said.length === 0) setImmediate(flush);
      said.push(...body.split("\n"));
      answer(response, Buffer.from("ok"));
    });
    return;
  }
  const head = first + log.length;
  if (request.url === "/") return answer(response, Buffer.from(String(head)));
  const after = Number(request.url.slice(1));
  if (after === head) waiting.push(response);
  else answer(response, Buffer.from(log.slice(after - first).join("\n")));
});
listen(server);
