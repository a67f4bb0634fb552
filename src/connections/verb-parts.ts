import type { RoomVerb } from "../hooks.ts";
import type { Rooms } from "../rooms/rooms.ts";
import type { Session } from "../sessions/session.ts";
import type { Membership } from "./membership.ts";

/** What verbs are done with. */
export interface VerbParts {
  readonly rooms: Rooms;
  readonly membership: Membership;
  /** Rooms that one connection may listen to. */
  readonly maxRooms: number;
  readonly documentation: () => unknown;
  /** Throws VerbRefused where the application does not allow it. */
  readonly authorize: (session: Session, room: string, verb: RoomVerb) => Promise<void>;
}
