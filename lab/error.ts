/** A mistake or a lack that a person can put right: the message says where, what, and what to do. Shown without a stack. */
export class UserError extends Error {
  override name = "UserError";
}

/**
 * Text for a person: the message of a `UserError`; of any other error the message and how to see more.
 * @param debug with the stack. @default whether DEBUG is set
 */
export function describeError(error: unknown, debug = Boolean(process.env.DEBUG)): string {
  if (!(error instanceof Error)) return String(error);
  if (debug) return error.stack ?? error.message;
  return error instanceof UserError
    ? error.message
    : `${error.message}\nDEBUG=1 shows where in the program this happened.`;
}
