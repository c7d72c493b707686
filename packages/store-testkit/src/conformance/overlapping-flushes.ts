// A flush beside another, which may not be answered before everything is durable. Used in the
// tests' own process and in the one that is killed; knows nothing of stores.

import { setImmediate } from 'node:timers/promises'

// A store takes its note of what is dirty some turns after the call, so that the first of the
// others may still find it. Once it is gone, the next one is the one that may be answered early.
const othersMax = 16

/**
 * Starts a flush, and others in the turns after it, until one of those has resolved: the first may
 * be under way still. Rejects where that one is rejected.
 */
export async function flushBesideAnother(flush: () => Promise<unknown>): Promise<void> {
  flush().catch(() => undefined)
  const others: Promise<boolean>[] = []
  while (others.length < othersMax) {
    others.push(flush().then(() => true))
    if (await Promise.race([...others, setImmediate(false)])) {
      return
    }
  }
  await Promise.race(others)
}
