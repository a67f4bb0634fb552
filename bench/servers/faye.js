/** A room is a channel; a request is published on a channel of who asks, and an extension puts the answer in its place. */
import { createServer } from "node:http";
import faye from "faye";
import { serving } from "./lib.js";

const http = createServer();
const bayeux = new faye.NodeAdapter({ mount: "/faye", timeout: 25 });
bayeux.attach(http);

bayeux.addExtension({
  incoming(message, next) {
    if (message.channel.startsWith("/actions/")) message.data = message.data.request;
    next(message);
  },
});
http.listen(0, "127.0.0.1", () => serving(http.address().port));
