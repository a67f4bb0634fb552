/** Why a verb was not done. `code` is for programs, `message` for people. */
export class VerbRefused extends Error {
  override readonly name = "VerbRefused";
  readonly code: string;
  /** More for programs, beside the code. */
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: keyof typeof VERB_ERRORS,
    message: string = VERB_ERRORS[code],
    fields: Record<string, unknown> = {},
  ) {
    super(message);
    this.code = code;
    this.fields = fields;
  }
}

/** Every code that a verb is refused with; the texts are those traditional clients know. */
export const VERB_ERRORS = {
  unknown_verb: "verb not found or not allowed",
  room_required: "room is required",
  invalid_room: "a room's name is a text of at most 255 bytes",
  not_in_room: "connection not in a room",
  already_listening: "already listening to this room",
  not_listening: "you are not listening to this room",
  too_many_rooms: "you are listening to too many rooms",
  not_authorized: "not authorized to use this room",
  message_required: "a message is required",
  earlier_missing: "an earlier one is missing",
  wrong_room: "the connection speaks in another room",
  outcome_unknown: "it was done or not, nobody knows any more",
} as const;
