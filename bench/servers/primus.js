import { createServer } from "node:http";
import Primus from "primus";
import { SAY, serving, WELCOME } from "./lib.js";

const http = createServer();
const primus = new Primus(http, { transformer: "websockets" });

primus.on("connection", (spark) => {
  spark.on("data", (text) => {
    if (text[0] !== SAY) return spark.write(text);
    primus.forEach((member) => {
      if (member !== spark) member.write(text);
    });
  });
  spark.write(WELCOME);
});
http.listen(0, "127.0.0.1", () => serving(http.address().port));
