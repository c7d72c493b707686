// An open store as the tests call it: every call has a deadline, synchronous stores look like
// asynchronous ones, and targets hold wrong bytes before they are read into.

import { AssertionError } from 'node:assert'
import type { PageStore } from '@umap/store'
import { expectBytes, fail, show } from './expect.ts'

const othersMsMax = 500

/** How a call ended. */
export type Settled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: unknown }

/** A call that was started, and whether it has settled. */
export interface StartedCall<T> {
  readonly settled: Promise<Settled<T>>
  isSettled(): boolean
}

/** One open store of a test. */
export class Subject {
  /** The store itself. */
  readonly store: PageStore
  readonly byteLength: number
  readonly #deadlineMs: number
  #longestCallMs = 0

  constructor(store: PageStore, deadlineMs: number) {
    this.store = store
    this.byteLength = store.byteLength
    this.#deadlineMs = deadlineMs
  }

  /** Starts `call`, which may throw, return or reject; fails the test where it hangs. */
  start<T>(what: string, call: () => T | Promise<T>): StartedCall<Awaited<T>> {
    let isSettled = false
    const settled = this.#settle(what, call).finally(() => {
      isSettled = true
    })
    settled.catch(() => undefined)
    return { settled, isSettled: () => isSettled }
  }

  /** Calls, and fails the test where the call is rejected. */
  async do<T>(what: string, call: () => T | Promise<T>): Promise<Awaited<T>> {
    const result = await this.start(what, call).settled
    if (!result.ok) {
      fail(`${what} was rejected with ${show(result.reason)}`, result.reason)
    }
    return result.value
  }

  /** Starts to read into `target`. */
  startRead(offset: number, target: Uint8Array, signal = neverAborted()) {
    return this.start(`read of ${target.byteLength} bytes at ${offset}`, () =>
      this.store.read(offset, target, { signal }),
    )
  }

  /** Starts to write `source`. */
  startWrite(offset: number, source: Uint8Array, signal = neverAborted()) {
    return this.start(`write of ${source.byteLength} bytes at ${offset}`, () =>
      this.store.write?.(offset, source, { signal }),
    )
  }

  /** The bytes of a range; zeros for a hole. What the store does not fill is `filler`. */
  async bytes(offset: number, byteLength: number, filler = 0xa5): Promise<Uint8Array> {
    const target = new Uint8Array(byteLength).fill(filler)
    await this.#readInto(offset, target)
    return target
  }

  /** Reads where `expected` was written, into a target whose every byte is wrong. */
  async expectBytes(offset: number, expected: Uint8Array, what: string): Promise<void> {
    const target = expected.map((byte) => byte ^ 0xff)
    await this.#readInto(offset, target)
    expectBytes(target, expected, offset, what)
  }

  /** Writes a copy of `bytes`, which stay what they are whatever the store does. */
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    await this.do(`write of ${bytes.byteLength} bytes at ${offset}`, () =>
      this.store.write?.(offset, bytes.slice(), { signal: neverAborted() }),
    )
  }

  async flush(): Promise<void> {
    await this.do('flush', () => this.store.flush?.())
  }

  async discard(offset: number, byteLength: number): Promise<void> {
    await this.do(`discard of ${byteLength} bytes at ${offset}`, () =>
      this.store.discard?.(offset, byteLength),
    )
  }

  async close(): Promise<void> {
    await this.do('close', () => this.store.close())
  }

  /**
   * Lets everything go on that is under way, for twice as long as a call takes. What a store must
   * not do any more cannot be waited for; this gives it the chance to do it nevertheless.
   */
  async letOthersRun(): Promise<void> {
    const waitMs = Math.min(2 * this.#longestCallMs, othersMsMax)
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setTimeout(resolve, 1 + waitMs / 3))
    }
  }

  async #readInto(offset: number, target: Uint8Array): Promise<void> {
    const result = await this.do(`read of ${target.byteLength} bytes at ${offset}`, () =>
      this.store.read(offset, target, { signal: neverAborted() }),
    )
    if (result === 'hole') {
      target.fill(0)
    }
  }

  async #settle<T>(what: string, call: () => T | Promise<T>): Promise<Settled<Awaited<T>>> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const message = `${what} has not settled within ${this.#deadlineMs} ms`
        reject(new AssertionError({ message }))
      }, this.#deadlineMs)
    })
    const startMs = performance.now()
    const outcome = settledCall(call)
    try {
      return await Promise.race([outcome, late])
    } finally {
      this.#longestCallMs = Math.max(this.#longestCallMs, performance.now() - startMs)
      clearTimeout(timer)
    }
  }
}

/** A signal for a call that nobody aborts. */
export function neverAborted(): AbortSignal {
  return new AbortController().signal
}

async function settledCall<T>(call: () => T | Promise<T>): Promise<Settled<Awaited<T>>> {
  try {
    return { ok: true, value: await call() }
  } catch (reason) {
    return { ok: false, reason }
  }
}
