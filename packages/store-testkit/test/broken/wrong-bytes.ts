// Stores that lose, change or move bytes.

import type { BrokenStore } from './broken-store.ts'
import { pageBytes, pagesOf, SoundStore } from './sound-store.ts'

// Whatever reads more than the first page.
const everyReader: readonly string[] = [
  'reading: gives the same bytes in calls of every size',
  'writing: is seen by the next read',
  'writing: keeps every byte value, NUL first',
  'writing: changes nothing beside its range',
  'writing: writes a tail that is no whole page',
  'writing: replaces what was written before',
  'writing: does not look at its source once it has settled',
  'holes: are never said of a range that was written',
  'holes: are zeros in a range that is written in part',
  'holes: are what discard makes',
  'holes: end where the discarded range ends',
  'holes: can be made of the tail',
  'holes: can be written again',
  'read-only stores: refuse to be written',
  'read-only stores: see what was flushed',
  'ranges: outside are refused by write',
  'ranges: outside are refused by discard',
  'calls in flight together: read each their own bytes',
  'calls in flight together: write each their own bytes',
  'calls in flight together: read and write side by side',
  'calls in flight together: may be flushes too',
  'flush: keeps what was written before it',
  'flush: beside another waits for what that one has taken',
  'flush: keeps what was discarded before it',
  'flush: keeps what several openings wrote',
  'an aborted call: reads all of its bytes or is rejected with the reason of its signal',
  'an aborted call: is no obstacle to the next',
  'close: waits for calls in flight',
  'close: leaves targets of calls in flight alone when it has resolved',
]

/** One bug each. */
export const storesWithWrongBytes: readonly BrokenStore[] = [
  {
    bug: 'reads no more than callBytesMax, and says nothing of the rest',
    Store: class extends SoundStore {
      protected override fill(offset: number, target: Uint8Array) {
        return super.fill(offset, target.subarray(0, this.capabilities.callBytesMax))
      }
    },
    foundBy: ['writing: takes calls of callBytesMax, and a page that is longer'],
  },
  {
    bug: 'reads whole pages only, and says nothing of the rest',
    Store: class extends SoundStore {
      protected override fill(offset: number, target: Uint8Array) {
        const rest = target.byteLength % pageBytes
        return super.fill(offset, target.subarray(0, target.byteLength - rest))
      }
    },
    foundBy: [
      'writing: changes nothing beside its range',
      'writing: writes a tail that is no whole page',
      'read-only stores: refuse to be written',
      'read-only stores: see what was flushed',
      'ranges: outside are refused by write',
      'ranges: outside are refused by discard',
      'calls in flight together: read each their own bytes',
      'calls in flight together: write each their own bytes',
      'calls in flight together: read and write side by side',
      'calls in flight together: may be flushes too',
      'flush: keeps what was written before it',
      'flush: keeps what was discarded before it',
      'flush: keeps what several openings wrote',
    ],
  },
  {
    bug: 'reads from the beginning, whatever the offset is',
    Store: class extends SoundStore {
      protected override fill(_offset: number, target: Uint8Array) {
        return super.fill(0, target)
      }
    },
    foundBy: everyReader,
  },
  {
    bug: 'leaves the target as it was where nothing was written',
    Store: class extends SoundStore {
      protected override fill(offset: number, target: Uint8Array) {
        for (const page of pagesOf(offset, target.byteLength)) {
          if (this.written.has(page)) {
            const from = Math.max(0, page * pageBytes - offset)
            const part = target.subarray(from, from + pageBytes)
            part.set(this.bytes.subarray(offset + from, offset + from + part.byteLength))
          }
        }
        const pages = pagesOf(offset, target.byteLength)
        return pages.some((page) => this.written.has(page)) ? undefined : 'hole'
      }
    },
    foundBy: [
      'holes: are zeros in a range that is written in part',
      'holes: can be written again',
      'flush: keeps what was discarded before it',
    ],
  },
  {
    bug: 'goes on filling its target when it has settled',
    Store: class extends SoundStore {
      override async read(offset: number, target: Uint8Array) {
        const answer = await super.read(offset, target)
        if (answer !== 'hole') {
          const bytes = target.slice()
          setImmediate(() => target.set(bytes))
        }
        return answer
      }
    },
    foundBy: [
      'reading: does not touch its target once it has settled',
      'an aborted call: leaves its target alone once it has settled',
      'close: leaves targets of calls in flight alone when it has resolved',
    ],
  },
  {
    bug: 'writes behind its target',
    Store: class extends SoundStore {
      protected override fill(offset: number, target: Uint8Array) {
        const { buffer, byteOffset, byteLength } = target
        const room = Math.min(buffer.byteLength - byteOffset, byteLength + 1)
        return super.fill(offset, new Uint8Array(buffer, byteOffset, room))
      }
    },
    foundBy: ['reading: touches nothing beside its target'],
  },
  {
    bug: 'answers with a count',
    Store: class extends SoundStore {
      override read(offset: number, target: Uint8Array) {
        return super.read(offset, target).then((answer) => {
          return answer ?? (target.byteLength as never)
        })
      }
    },
    foundBy: ['reading: answers with nothing or hole'],
  },
  {
    bug: 'cuts what is written at the first NUL',
    Store: class extends SoundStore {
      protected override store(offset: number, source: Uint8Array) {
        const nul = source.indexOf(0)
        super.store(offset, nul === 0 ? source.map(() => 0) : source)
      }
    },
    foundBy: [
      'writing: keeps every byte value, NUL first',
      'writing: changes nothing beside its range',
      'holes: are never said of a range that was written',
    ],
  },
  {
    bug: 'writes a whole page where the tail is shorter',
    Store: class extends SoundStore {
      protected override store(offset: number, source: Uint8Array) {
        super.store(offset, source)
        const end = offset + source.byteLength
        if (end % pageBytes !== 0) {
          const bytes = new Uint8Array(end + pageBytes - (end % pageBytes))
          bytes.set(this.bytes)
          this.bytes = bytes
        }
      }
    },
    foundBy: ['opening: finds the same size again'],
  },
  {
    bug: 'keeps the first bytes of a page',
    Store: class extends SoundStore {
      protected override store(offset: number, source: Uint8Array) {
        const wasThere = source.byteLength === pageBytes && this.written.has(offset / pageBytes)
        super.store(
          offset,
          wasThere && source[0] !== 0 ? this.bytes.slice(offset, offset + pageBytes) : source,
        )
      }
    },
    foundBy: [
      'writing: changes nothing beside its range',
      'writing: replaces what was written before',
      'holes: are never said of a range that was written',
      'calls in flight together: write each their own bytes',
      'calls in flight together: read and write side by side',
      'calls in flight together: may be flushes too',
      'flush: keeps what was written before it',
      'flush: keeps what was written before it though others are being written',
      'flush: keeps what several openings wrote',
      'an aborted call: is no obstacle to the next',
      'version: of a writer is another one when it has flushed',
      'version: is another one when others have written',
    ],
  },
  {
    bug: 'encrypts in place',
    Store: class extends SoundStore {
      protected override store(offset: number, source: Uint8Array) {
        super.store(offset, source)
        source.set(source.map((byte) => byte ^ 0x5a))
      }
    },
    foundBy: ['writing: leaves its source as it is'],
  },
  {
    bug: 'looks at its sources when it flushes',
    Store: class extends SoundStore {
      readonly #sources = new Map<number, Uint8Array>()
      protected override store(offset: number, source: Uint8Array) {
        super.store(offset, source)
        this.#sources.set(offset, source)
      }
      protected override commit() {
        for (const [offset, source] of this.#sources) {
          super.store(offset, source)
        }
        this.#sources.clear()
        super.commit()
      }
    },
    foundBy: [
      'writing: does not look at its source once it has settled',
      'an aborted call: leaves its source alone once it has settled',
    ],
  },
  {
    bug: 'can be written though it was opened read-only',
    Store: class extends SoundStore {
      protected override checkWritable() {}
    },
    foundBy: ['read-only stores: refuse to be written'],
  },
  {
    bug: 'says hole of a page that begins with a zero',
    Store: class extends SoundStore {
      protected override fill(offset: number, target: Uint8Array) {
        super.fill(offset, target)
        return target[0] === 0 && target.byteLength === pageBytes ? 'hole' : undefined
      }
    },
    foundBy: [
      'writing: keeps every byte value, NUL first',
      'holes: are never said of a range that was written',
      'holes: are zeros in a range that is written in part',
      'holes: are what discard makes',
      'holes: can be made of the tail',
      'calls in flight together: read each their own bytes',
      'calls in flight together: agree with calls one by one',
    ],
  },
  {
    bug: 'discards nothing',
    Store: class extends SoundStore {
      protected override erase() {}
    },
    foundBy: [
      'holes: are what discard makes',
      'holes: can be made of the tail',
      'holes: can be written again',
      'flush: keeps what was discarded before it',
    ],
  },
  {
    bug: 'discards a page more',
    Store: class extends SoundStore {
      protected override erase(offset: number, byteLength: number) {
        super.erase(offset, byteLength + (offset === 4 * pageBytes ? 0 : pageBytes))
      }
    },
    foundBy: [
      'holes: end where the discarded range ends',
      'flush: keeps what was discarded before it',
    ],
  },
  {
    bug: 'forgets discards when it flushes',
    Store: class extends SoundStore {
      readonly #erased = new Map<number, Uint8Array>()
      protected override erase(offset: number, byteLength: number) {
        this.#erased.set(offset, this.bytes.slice(offset, offset + byteLength))
        super.erase(offset, byteLength)
      }
      protected override store(offset: number, source: Uint8Array) {
        this.#erased.delete(offset)
        super.store(offset, source)
      }
      protected override commit() {
        for (const [offset, bytes] of this.#erased) {
          this.store(offset, bytes)
        }
        super.commit()
      }
    },
    foundBy: ['flush: keeps what was discarded before it'],
  },
]
