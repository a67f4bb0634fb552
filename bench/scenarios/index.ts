import { actions, httpAction } from "./action.ts";
import { cluster } from "./cluster.ts";
import { connect } from "./connect.ts";
import { otherTransports, rooms } from "./fanout.ts";
import { memory } from "./memory.ts";
import { mixed } from "./mixed.ts";
import { say } from "./say.ts";
import type { Scenario } from "./scenario.ts";

export const scenarios: readonly Scenario[] = [
  ...rooms,
  ...actions,
  connect,
  memory,
  ...otherTransports,
  cluster,
  say,
  httpAction,
  mixed,
];
