import type { Rooms } from "../rooms/rooms.ts";
import type { Authorization } from "./authorization.ts";
import type { Membership } from "./membership.ts";

/** What verbs are done with. */
export interface VerbParts {
  readonly rooms: Rooms;
  readonly membership: Membership;
  /** Rooms that one connection may listen to. */
  readonly maxRooms: number;
  readonly documentation: () => unknown;
  readonly authorization: Authorization;
}
