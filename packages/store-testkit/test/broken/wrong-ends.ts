// Stores that are wrong in what they do around the bytes: flush, abort, close.

import { StoreError } from '@umap/store'
import type { BrokenStore } from './broken-store.ts'
import { type CallOptions, SoundStore, turns } from './sound-store.ts'

/** One bug each. */
export const storesWithWrongEnds: readonly BrokenStore[] = [
  {
    bug: 'flushes nothing',
    Store: class extends SoundStore {
      protected override commit() {}
    },
    foundBy: [
      'read-only stores: refuse to be written',
      'read-only stores: see what was flushed',
      'calls in flight together: may be flushes too',
      'flush: keeps what was written before it',
      'flush: keeps what was written before it though others are being written',
      'flush: beside another waits for what that one has taken',
      'flush: keeps what was discarded before it',
      'flush: may have nothing to do',
      'flush: keeps what several openings wrote',
      'close: waits for calls in flight',
      'version: of a writer is another one when it has flushed',
      'version: is another one when others have written',
    ],
  },
  {
    bug: 'flushes nothing while anything is in flight',
    Store: class extends SoundStore {
      override async flush() {
        if (this.isClosed || this.inFlight.size === 0) {
          await super.flush()
        }
      }
    },
    foundBy: [
      'flush: keeps what was written before it though others are being written',
      'flush: beside another waits for what that one has taken',
    ],
  },
  {
    bug: 'flushes once, and never again',
    Store: class extends SoundStore {
      #isFlushed = false
      protected override commit() {
        if (!this.#isFlushed) {
          super.commit()
        }
        this.#isFlushed = true
      }
    },
    foundBy: [
      'calls in flight together: may be flushes too',
      'flush: keeps what was written before it',
      'flush: keeps what was written before it though others are being written',
      'flush: keeps what was discarded before it',
      'flush: may have nothing to do',
    ],
  },
  {
    bug: 'fails where there is nothing to flush',
    Store: class extends SoundStore {
      #isDirty = false
      protected override store(offset: number, source: Uint8Array) {
        this.#isDirty = true
        super.store(offset, source)
      }
      protected override commit() {
        if (this.capabilities.writable && !this.#isDirty) {
          throw new StoreError('no transaction is active', { code: 'BROKEN' })
        }
        this.#isDirty = false
        super.commit()
      }
    },
    foundBy: [
      'calls in flight together: may be flushes too',
      'flush: beside another waits for what that one has taken',
      'flush: keeps what was discarded before it',
      'flush: may have nothing to do',
    ],
  },
  {
    bug: 'answers a flush at once where another has taken what is dirty',
    Store: class extends SoundStore {
      #isDirty = false
      protected override store(offset: number, source: Uint8Array) {
        this.#isDirty = true
        super.store(offset, source)
      }
      protected override erase(offset: number, byteLength: number) {
        this.#isDirty = true
        super.erase(offset, byteLength)
      }
      override async flush() {
        if (this.isClosed || this.#isDirty) {
          this.#isDirty = false
          await this.run(() => turns(4))
          await super.flush()
        }
      }
    },
    foundBy: ['flush: beside another waits for what that one has taken'],
  },
  {
    bug: 'is rejected where a flush meets another',
    Store: class extends SoundStore {
      #isFlushing = false
      override async flush() {
        if (this.#isFlushing) {
          throw new StoreError('cannot start a transaction within a transaction', {
            code: 'BROKEN',
          })
        }
        this.#isFlushing = true
        await super.flush()
        this.#isFlushing = false
      }
    },
    foundBy: [
      'calls in flight together: may be flushes too',
      'flush: beside another waits for what that one has taken',
    ],
  },
  {
    bug: 'settles at once when it is aborted, and writes later',
    Store: class extends SoundStore {
      override write(offset: number, source: Uint8Array, { signal }: CallOptions) {
        const writing = super.write(offset, source)
        return unlessAborted(signal, writing)
      }
    },
    foundBy: ['an aborted call: leaves its source alone once it has settled'],
  },
  {
    bug: 'settles at once when it is aborted, and fills its target later',
    Store: class extends SoundStore {
      override read(offset: number, target: Uint8Array, { signal }: CallOptions) {
        const reading = this.run(async () => {
          this.checkRange(offset, target.byteLength)
          await turns(2)
          target.set(this.bytes.subarray(offset, offset + target.byteLength))
        })
        return unlessAborted(signal, reading)
      }
    },
    foundBy: ['an aborted call: leaves its target alone once it has settled'],
  },
  {
    bug: 'is rejected with an error of its own when it is aborted',
    Store: class extends SoundStore {
      override read(offset: number, target: Uint8Array, { signal }: CallOptions) {
        return super.read(offset, target).then((answer) => {
          if (signal.aborted) {
            throw new StoreError('aborted', { code: 'BROKEN' })
          }
          return answer
        })
      }
    },
    foundBy: [
      'an aborted call: reads all of its bytes or is rejected with the reason of its signal',
    ],
  },
  {
    bug: 'resolves with half of its bytes when it is aborted',
    Store: class extends SoundStore {
      override async read(offset: number, target: Uint8Array, { signal }: CallOptions) {
        const answer = await super.read(offset, target.subarray(0, target.byteLength / 2))
        return signal.aborted ? answer : super.read(offset, target)
      }
    },
    foundBy: [
      'an aborted call: reads all of its bytes or is rejected with the reason of its signal',
    ],
  },
  {
    bug: 'does not take part in a write after one that was aborted',
    Store: class extends SoundStore {
      readonly #aborted = new Set<number>()
      override async write(offset: number, source: Uint8Array, { signal }: CallOptions) {
        if (!this.#aborted.has(offset)) {
          await super.write(offset, source)
        }
        if (signal.aborted) {
          this.#aborted.add(offset)
        }
      }
    },
    foundBy: ['an aborted call: is no obstacle to the next'],
  },
  {
    bug: 'does not wait for anything when it is closed',
    Store: class extends SoundStore {
      override read(offset: number, target: Uint8Array) {
        return this.run(async () => {
          this.checkRange(offset, target.byteLength)
          await turns(4)
          return this.fill(offset, target)
        })
      }
      override async close() {
        this.isClosed = true
      }
    },
    foundBy: ['close: waits for calls in flight'],
  },
  {
    bug: 'fails when it is closed again',
    Store: class extends SoundStore {
      override async close() {
        const wasClosed = this.isClosed
        await super.close()
        if (wasClosed) {
          throw new StoreError('was closed before', { code: 'BROKEN' })
        }
      }
    },
    foundBy: ['close: may be called twice'],
  },
  {
    bug: 'goes on when it is closed',
    Store: class extends SoundStore {
      override async close() {
        await Promise.allSettled(this.inFlight)
      }
    },
    foundBy: ['close: makes later calls fail'],
  },
]

function unlessAborted<T>(signal: AbortSignal, call: Promise<T>): Promise<T> {
  call.catch(() => undefined)
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort)
    if (signal.aborted) {
      abort()
    }
    call.then(resolve, reject)
  })
}
