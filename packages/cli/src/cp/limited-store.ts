// An open store as a copy uses it: ranges of any length, split into calls that the store's
// capabilities allow, never more of them in flight than it wants, repeated where that may help, and
// errors that name it.

import { type PageStore, retryStore } from '@umap/store'
import { CallLimit } from './call-limit.ts'
import { toCopyError } from './copy-error.ts'

const zeros = new Uint8Array(2 ** 20)
// A moment's trouble. Stores behind a network are more patient by themselves.
const retryPolicy = { attemptsMax: 5, delayMs: 100, delayMaxMs: 1000 }
const neverAborted = new AbortController().signal

/** A store whose limits are kept. */
export class LimitedStore {
  readonly store: PageStore
  readonly label: string
  readonly #limit: CallLimit
  readonly #callBytes: number

  /** `concurrencyMax` lowers that of the store. */
  constructor(store: PageStore, label: string, concurrencyMax: number) {
    this.store = retryStore(store, retryPolicy)
    this.label = label
    this.#limit = new CallLimit(Math.min(store.capabilities.concurrencyMax, concurrencyMax))
    this.#callBytes = store.capabilities.callBytesMax
  }

  /** Fills `target`, with zeros where the store has a hole. */
  async read(offset: number, target: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#split(target.byteLength, async (from, to) => {
      const part = target.subarray(from, to)
      const result = await this.store.read(offset + from, part, { signal })
      // Whatever the store left in the target is not part of its answer.
      if (result === 'hole') part.fill(0)
    })
  }

  /** Not to be aborted: a write that is under way is waited for. */
  async write(offset: number, source: Uint8Array): Promise<void> {
    await this.#split(source.byteLength, async (from, to) => {
      await this.store.write?.(offset + from, source.subarray(from, to), { signal: neverAborted })
    })
  }

  /** Makes a range read as zeros: a hole where the store can have one. */
  async clear(offset: number, byteLength: number): Promise<void> {
    if (this.store.discard !== undefined) {
      await this.#call(() => this.store.discard?.(offset, byteLength))
      return
    }
    for (let done = 0; done < byteLength; done += zeros.byteLength) {
      const partBytes = Math.min(zeros.byteLength, byteLength - done)
      await this.write(offset + done, zeros.subarray(0, partBytes))
    }
  }

  async flush(): Promise<void> {
    await this.#call(() => this.store.flush?.())
  }

  async close(): Promise<void> {
    await this.#call(() => this.store.close())
  }

  async #split(byteLength: number, call: (from: number, to: number) => Promise<void>) {
    for (let from = 0; from < byteLength; from += this.#callBytes) {
      const to = Math.min(from + this.#callBytes, byteLength)
      await this.#call(() => call(from, to))
    }
  }

  async #call(call: () => unknown): Promise<void> {
    try {
      await this.#limit.run(call)
    } catch (error) {
      throw toCopyError(error, this.label)
    }
  }
}
