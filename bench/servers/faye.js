/** A room is a channel; a request is published on a channel of who asks, and an extension puts the answer in its place. */
import faye from "faye";
import { listen, webServer } from "./lib.js";

const http = webServer();
const bayeux = new faye.NodeAdapter({ mount: "/faye", timeout: 25 });
bayeux.attach(http);

bayeux.addExtension({
  incoming(message, next) {
    if (message.channel.startsWith("/actions/")) message.data = message.data.request;
    next(message);
  },
});
listen(http);
