// Time and chance as the layers use them, so that a test can bring its own. Any thread; no state.

/** A clock, timers and random numbers. */
export interface LayerRuntime {
  /** Milliseconds of a clock that never goes back. */
  now(): number
  /** Calls `run` once, `delayMs` from now, unless the returned function is called before. */
  after(delayMs: number, run: () => void): () => void
  /** A number from 0 to less than 1. */
  random(): number
}

/** The clock, the timers and the random numbers of this process. */
export const systemRuntime: LayerRuntime = Object.freeze({
  now: () => performance.now(),
  after(delayMs: number, run: () => void) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
})

/**
 * Resolves `delayMs` from now; rejects with the reason of the first signal that is aborted before,
 * at once where one is already.
 */
export function pause(
  runtime: LayerRuntime,
  delayMs: number,
  signals: readonly (AbortSignal | undefined)[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = signals.find((signal) => signal?.aborted)
    if (aborted !== undefined) {
      reject(aborted.reason)
      return
    }
    const end = (settle: () => void) => {
      cancel()
      for (const [signal, abort] of listeners) {
        signal.removeEventListener('abort', abort)
      }
      settle()
    }
    const listeners = signals
      .filter((signal) => signal !== undefined)
      .map((signal) => [signal, () => end(() => reject(signal.reason))] as const)
    const cancel = runtime.after(delayMs, () => end(resolve))
    for (const [signal, abort] of listeners) {
      signal.addEventListener('abort', abort)
    }
  })
}
