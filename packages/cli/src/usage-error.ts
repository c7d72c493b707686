// The error that ends the command with exit code 2.

/** The command line makes no sense; the message names the argument. */
export class UsageError extends Error {}
