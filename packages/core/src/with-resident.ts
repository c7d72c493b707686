// Calls a function while a range of a region is pinned. Runs in the thread that called; the pin
// ends with the call, or with the promise that the call returned.

import type { Pin } from './pin.ts'

/**
 * Calls `use` and releases `pin` when that has returned or thrown; where it returned a promise,
 * when that has settled. `onPending` is shown a promise of the release, which never rejects.
 */
export function callPinned<T>(
  pin: Pin,
  use: () => T,
  onPending: (settled: Promise<unknown>) => void,
): T | Promise<Awaited<T>> {
  let result: T
  try {
    result = use()
  } catch (error) {
    pin.release()
    throw error
  }
  if (!isThenable(result)) {
    pin.release()
    return result
  }
  const pending = Promise.resolve(result)
  const release = () => pin.release()
  const released = pending.then(release, release)
  onPending(released)
  // Another promise than the one that is waited for: a rejection that nobody handles must show.
  return released.then(() => pending)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
