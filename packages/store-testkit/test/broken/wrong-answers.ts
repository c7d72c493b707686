// Stores that refuse too little, mix calls up, or say wrong things of themselves.

import { type StoreAccess, StoreError } from '@umap/store'
import type { BrokenStore } from './broken-store.ts'
import { type CallOptions, type Disk, pageBytes, SoundStore, turn } from './sound-store.ts'

/** One bug each. */
export const storesWithWrongAnswers: readonly BrokenStore[] = [
  {
    bug: 'gives zeros past its end',
    Store: class extends SoundStore {
      override read(offset: number, target: Uint8Array, options?: CallOptions) {
        const isPast = offset >= this.byteLength
        return isPast
          ? this.run(async () => void target.fill(0))
          : super.read(offset, target, options)
      }
    },
    foundBy: ['ranges: outside are refused by read'],
  },
  {
    bug: 'wraps a write past its end around',
    Store: class extends SoundStore {
      override write(offset: number, source: Uint8Array, options?: CallOptions) {
        return super.write(offset >= this.byteLength ? 0 : offset, source, options)
      }
    },
    foundBy: ['ranges: outside are refused by write'],
  },
  {
    bug: 'discards up to its end where the range goes on',
    Store: class extends SoundStore {
      override discard(offset: number, byteLength: number) {
        const isInside = offset >= 0 && offset < this.byteLength
        const rest = isInside ? Math.min(byteLength, this.byteLength - offset) : byteLength
        return super.discard(offset, rest)
      }
    },
    foundBy: ['ranges: outside are refused by discard'],
  },
  {
    bug: 'shares a buffer between calls in flight',
    Store: class extends SoundStore {
      readonly #buffer = new Uint8Array(2 ** 20)
      override read(offset: number, target: Uint8Array) {
        return this.run(async () => {
          this.checkRange(offset, target.byteLength)
          const part = this.#buffer.subarray(0, target.byteLength)
          part.set(this.bytes.subarray(offset, offset + target.byteLength))
          await turn()
          target.set(part)
        })
      }
    },
    foundBy: [
      'calls in flight together: read each their own bytes',
      'calls in flight together: read and write side by side',
      'close: leaves targets of calls in flight alone when it has resolved',
    ],
  },
  {
    bug: 'has one position for all writes in flight',
    Store: class extends SoundStore {
      #position = 0
      override write(offset: number, source: Uint8Array) {
        return this.run(async () => {
          this.checkWritable()
          this.checkRange(offset, source.byteLength)
          this.#position = offset
          await turn()
          this.store(Math.min(this.#position, this.byteLength - source.byteLength), source)
        })
      }
    },
    foundBy: [
      'calls in flight together: write each their own bytes',
      'calls in flight together: read and write side by side',
      'calls in flight together: may be flushes too',
    ],
  },
  {
    bug: 'has errors without a code',
    Store: class extends SoundStore {
      protected override run<T>(call: () => Promise<T>) {
        return super.run(call).catch((error) => {
          throw new Error(error.message)
        })
      }
    },
    foundBy: ['errors: are StoreErrors with a stable code'],
  },
  {
    bug: 'has a code of its own for what has one',
    Store: class extends SoundStore {
      protected override run<T>(call: () => Promise<T>) {
        return super.run(call).catch((error) => {
          throw new StoreError(error.message, { code: 'BROKEN' })
        })
      }
    },
    foundBy: ['errors: are StoreErrors with a stable code'],
  },
  {
    bug: 'tells a secret',
    Store: class extends SoundStore {
      protected override run<T>(call: () => Promise<T>) {
        return super.run(call).catch((cause) => {
          const url = new Error('GET http://user:hunter2@localhost/ failed', { cause })
          throw new StoreError(cause.message, { code: cause.code, cause: url })
        })
      }
    },
    foundBy: ['errors: are StoreErrors with a stable code'],
  },
  {
    bug: 'has the same version for all bytes',
    Store: class extends SoundStore {
      override get version() {
        return 'v1'
      }
    },
    foundBy: [
      'version: of a writer is another one when it has flushed',
      'version: is another one when others have written',
    ],
  },
  {
    bug: 'has a new version whenever it is opened',
    Store: class extends SoundStore {
      override get version() {
        this.version_ = this.version_.startsWith('v') ? `${Math.random()}` : this.version_
        return this.version_
      }
    },
    foundBy: ['version: is the same for the same bytes'],
  },
  {
    bug: 'grows its capabilities',
    Store: class extends SoundStore {
      protected override fill(offset: number, target: Uint8Array) {
        const { concurrencyMax } = this.capabilities
        this.capabilities = { ...this.capabilities, concurrencyMax: concurrencyMax + 1 }
        return super.fill(offset, target)
      }
    },
    foundBy: ['opening: keeps capabilities and size while it is used'],
  },
  {
    bug: 'has capabilities that are not plain data',
    Store: class extends SoundStore {
      constructor(disk: Disk, access: StoreAccess) {
        super(disk, access)
        this.capabilities = new (class {
          readonly writable = access === 'read-write'
          readonly concurrencyMax = 8
          readonly atomicFlush = true
          get callBytesMax() {
            return 8 * pageBytes
          }
        })()
      }
    },
    foundBy: ['opening: gives a store of the right shape'],
  },
]
