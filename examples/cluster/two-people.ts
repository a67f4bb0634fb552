/**
 * Two people talk, four times a second, and everything is counted. Kill processes of the cluster meanwhile.
 *
 *     node --import tsx examples/cluster/two-people.ts http://localhost:8080
 */
import { ActionHeroWebSocket } from "actionwire/client";

const host = process.argv[2] ?? "http://localhost:8080";
const since = Date.now();
const told = (...words: unknown[]) =>
  console.log(((Date.now() - since) / 1000).toFixed(1).padStart(5), ...words);

const heard: number[] = [];
let stored = 0;

function person(name: string): ActionHeroWebSocket {
  const client = new ActionHeroWebSocket({ host });
  client.events = {
    disconnect: ({ reason }) => told(name, "lost the connection:", reason),
    reconnect: ({ id, resumed }) => told(name, resumed ? "goes on as" : "is new as", id),
    gap: ({ gap }) => told(name, "may have missed something:", JSON.stringify(gap)),
  };
  return client;
}

const [ada, grace] = [person("Ada"), person("Grace")];
grace.events.say = ({ message }) => {
  if (/^\d+$/.test(String(message))) heard.push(Number(message));
};
await Promise.all([ada.connect(), grace.connect()]);
told("Ada is", ada.id, "and Grace is", grace.id);

let said = 0;
const talking = setInterval(() => {
  said += 1;
  ada.say(String(said)).then(
    () => {
      stored += 1;
    },
    ({ code }) => told("not said:", code),
  );
}, 250);

const report = setInterval(() => {
  const order = heard.every((n, at) => n === at + 1) ? "in order, once each" : `wrong: ${heard.join(" ")}`;
  told(`said ${said}, stored ${stored}, heard ${heard.length}: ${order}`);
}, 5_000);

process.once("SIGINT", async () => {
  clearInterval(talking);
  clearInterval(report);
  await Promise.all([ada.disconnect(), grace.disconnect()]);
});
