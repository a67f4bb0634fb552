import { openCometd } from "./support/cometd.ts";
import { lineContract } from "./support/line-contract.ts";

lineContract("the stock CometD client over a websocket", openCometd("websocket"));
lineContract("the stock CometD client over long-polling", openCometd("long-polling"));
lineContract("the stock CometD client over callback-polling", openCometd("callback-polling"));
