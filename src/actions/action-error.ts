/**
 * Thrown by an action, tells the caller what went wrong: `error: message`, `code` and `details` in the answer.
 * Whatever else is thrown is an internal error, of which the caller only gets an id.
 */
export class ActionError extends Error {
  override readonly name = "ActionError";
  readonly code: string;
  /** For the caller; must be something JSON can carry. */
  readonly details: unknown;
  /** HTTP status, 400 to 599. */
  readonly status: number;

  constructor(
    code: string,
    message: string,
    details?: unknown,
    options: { status?: number; cause?: unknown } = {},
  ) {
    const { status = 400, ...rest } = options;
    super(message, rest);
    if (typeof code !== "string" || code === "") {
      throw new TypeError(
        `the code of an ActionError must be a text that is not empty, got ${JSON.stringify(code)}`,
      );
    }
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new TypeError(
        `the status of an ActionError must be a whole number from 400 to 599, got ${status}`,
      );
    }
    this.code = code;
    this.details = details;
    this.status = status;
  }
}
