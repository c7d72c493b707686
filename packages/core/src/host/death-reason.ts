// Says in a few words why a store host died, for messages. Pure.

/** What was thrown, with the place where it came from. */
export function exceptionReason(thrown: unknown): string {
  if (!(thrown instanceof Error)) {
    return `a store threw ${String(thrown)}`
  }
  const frame = thrown.stack?.split('\n').find((line) => /^\s+at /.test(line))
  return `${thrown.name}: ${thrown.message}${frame === undefined ? '' : ` (${frame.trim()})`}`
}

/** How a thread ended that threw nothing. */
export function threadExitReason(code: number): string {
  return `a store called process.exit(${code}), or its thread was terminated`
}

/** How a process ended; both are null where nobody could tell. */
export function processExitReason(code: number | null, signal: string | null): string {
  if (signal !== null) {
    return `its process was ended by ${signal}`
  }
  return code === null ? 'its process is gone' : `a store called process.exit(${code})`
}
