import { actions, httpAction } from "./action.ts";
import { cluster } from "./cluster.ts";
import { connect } from "./connect.ts";
import { otherSockets, otherTransports, rooms } from "./fanout.ts";
import { growths } from "./growth.ts";
import { idle } from "./idle.ts";
import { memory } from "./memory.ts";
import { mixed } from "./mixed.ts";
import { resumes } from "./resume.ts";
import { say } from "./say.ts";
import type { Scenario, Series } from "./scenario.ts";

export const scenarios: readonly (Scenario | Series)[] = [
  ...rooms,
  ...actions,
  connect,
  memory,
  ...otherSockets,
  ...otherTransports,
  cluster,
  say,
  httpAction,
  mixed,
  ...growths,
  idle,
  ...resumes,
];
