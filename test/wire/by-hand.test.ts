import { openCallbackPolling, openEventSource, openPolling } from "./support/by-hand.ts";
import { lineContract } from "./support/line-contract.ts";

lineContract("long-polling by hand", openPolling);
lineContract("callback-polling by hand", openCallbackPolling);
lineContract("an event stream by hand", openEventSource);
