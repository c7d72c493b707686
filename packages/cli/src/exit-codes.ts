// What the `umap` command's exit codes mean. They never change their meaning.

/** Exit codes of the `umap` command. */
export const exitCodes = {
  /** What was asked for is done. */
  done: 0,
  /** It failed, or this machine cannot do it. */
  failed: 1,
  /** The arguments make no sense; the message names the one that does not. */
  usage: 2,
} as const

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
