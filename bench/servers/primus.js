import Primus from "primus";
import { listen, SAY, WELCOME, webServer } from "./lib.js";

const http = webServer();
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
listen(http);
