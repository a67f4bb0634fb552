import { openFaye } from "./support/faye.ts";
import { lineContract } from "./support/line-contract.ts";

lineContract("the stock Faye client over a websocket", openFaye("websocket"));
lineContract("the stock Faye client over long-polling", openFaye("long-polling"));
