import { openSocket } from "./support/by-hand.ts";
import { lineContract } from "./support/line-contract.ts";

lineContract("a bare WebSocket", openSocket);
