// Time that stands still until a test moves it, and stores whose calls a test settles itself.

import { setMaxListeners } from 'node:events'
import type { LayerRuntime, PageStore, StoreCallOptions, StoreCapabilities } from '@umap/store'

interface Timer {
  readonly atMs: number
  readonly run: () => void
}

/** A clock that only `advance` moves. `random` gives `chance` each time. */
export class ManualRuntime implements LayerRuntime {
  chance = 1
  #nowMs = 0
  readonly #timers = new Set<Timer>()

  now(): number {
    return this.#nowMs
  }

  random(): number {
    return this.chance
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  get timerCount(): number {
    return this.#timers.size
  }

  /** Runs all timers that are due within `ms`, in order, and what follows from each. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settle()
    for (;;) {
      const due = [...this.#timers]
        .filter(({ atMs }) => atMs <= endMs)
        .sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) {
        break
      }
      this.#timers.delete(due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.run()
      await settle()
    }
    this.#nowMs = endMs
  }
}

/** Lets every promise that is settled run its reactions. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

/** One call on a {@link HeldStore} that waits for the test. */
export interface HeldCall {
  readonly op: string
  readonly offset: number
  readonly byteLength: number
  readonly bytes: Uint8Array
  readonly signal: AbortSignal | undefined
  resolve(result?: 'hole'): void
  reject(error: unknown): void
}

/** Options of a call that nobody aborts. */
export const noSignal: StoreCallOptions = Object.freeze({ signal: new AbortController().signal })
// Many calls of a test share it.
setMaxListeners(0, noSignal.signal)

/** A store of which every call waits until the test settles it. */
export class HeldStore implements PageStore {
  readonly byteLength = 2 ** 20
  readonly capabilities: StoreCapabilities = {
    writable: true,
    concurrencyMax: 8,
    callBytesMax: 2 ** 16,
    atomicFlush: true,
    nativeFd: 5,
    nativeDirect: true,
  }
  version = 'v1'
  closeCount = 0
  readonly calls: HeldCall[] = []

  read(offset: number, target: Uint8Array, { signal }: StoreCallOptions): Promise<void | 'hole'> {
    return this.#hold('read', offset, target, signal)
  }

  async write(offset: number, source: Uint8Array, { signal }: StoreCallOptions): Promise<void> {
    await this.#hold('write', offset, source, signal)
  }

  async flush(): Promise<void> {
    await this.#hold('flush', 0, new Uint8Array(), undefined)
  }

  async discard(offset: number, byteLength: number): Promise<void> {
    await this.#hold('discard', offset, new Uint8Array(byteLength), undefined)
  }

  close(): void {
    this.closeCount += 1
  }

  /** The call that came last. */
  get last(): HeldCall {
    const last = this.calls.at(-1)
    if (last === undefined) {
      throw new Error('nothing was called')
    }
    return last
  }

  #hold(
    op: string,
    offset: number,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<void | 'hole'> {
    return new Promise((resolve, reject) => {
      const { byteLength } = bytes
      this.calls.push({ op, offset, byteLength, bytes, signal, resolve, reject })
    })
  }
}
