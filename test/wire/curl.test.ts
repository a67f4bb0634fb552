import { openCurl } from "./support/by-hand.ts";
import { lineContract } from "./support/line-contract.ts";

lineContract("curl over long-polling", openCurl);
