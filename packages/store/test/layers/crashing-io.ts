// File operations of a cache that stop at a chosen moment, as if the process had been killed there
// or the power had failed: what was not synced then reaches the file in part, torn and unordered.

import { readFileSync, writeFileSync } from 'node:fs'
import type { CacheRuntime } from '@umap/store'

type CacheIo = Parameters<NonNullable<CacheRuntime['wrapIo']>>[0]

interface LoggedWrite {
  readonly position: number
  readonly bytes: Uint8Array
}

/** Random numbers from 0 to less than 1. */
export type Random = () => number

/** The same numbers for the same seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const sectorBytes = 512

/** A file that can crash. One instance outlives many openings. */
export class CrashingFile {
  readonly #path: string
  readonly #random: Random
  #operationsLeft = Number.POSITIVE_INFINITY
  #isDead = false
  #synced: Uint8Array = new Uint8Array()
  #log: (LoggedWrite | 'destroy')[] = []
  full = false

  constructor(path: string, random: Random) {
    this.#path = path
    this.#random = random
  }

  /** The next opening works; it dies by itself after so many operations. */
  revive(operationsLeft: number): void {
    this.#operationsLeft = operationsLeft
    this.#isDead = false
  }

  /** Nothing reaches the file any more. */
  kill(): void {
    this.#isDead = true
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** What is in the file after a power cut: what was synced, and any part of what came later. */
  cutPower(): void {
    let bytes = Uint8Array.from(this.#synced)
    for (const write of this.#log) {
      if (write === 'destroy') {
        bytes = this.#random() < 0.5 ? new Uint8Array() : bytes
        continue
      }
      for (let at = 0; at < write.bytes.byteLength; at += sectorBytes) {
        const sector = write.bytes.subarray(at, at + sectorBytes)
        if (this.#random() < 0.5) {
          bytes = put(bytes, write.position + at, sector)
        }
      }
    }
    writeFileSync(this.#path, bytes)
    this.#synced = bytes
    this.#log = []
  }

  /** The operations of an opening. */
  wrap(io: CacheIo): CacheIo {
    const file = this
    return {
      read: (position, target) => io.read(position, target),
      async write(position, source) {
        // Torn: a part of it may be there.
        const done = file.#step()
          ? source.byteLength
          : Math.floor(file.#random() * source.byteLength)
        if (done > 0 && file.#mayWrite(done === source.byteLength)) {
          const part = source.subarray(0, done)
          file.#log.push({ position, bytes: Uint8Array.from(part) })
          await io.write(position, part)
        }
        file.#refuse()
      },
      writeNow(position, source) {
        if (file.#step()) {
          file.#log.push({ position, bytes: Uint8Array.from(source) })
          io.writeNow(position, source)
        }
        file.#refuse()
      },
      async sync() {
        if (file.#step()) {
          file.#synced = readFileSync(file.#path)
          file.#log = []
        }
        file.#refuse()
      },
      destroy() {
        if (file.#step()) {
          file.#log.push('destroy')
          io.destroy()
        }
        file.#refuse()
      },
      close: () => io.close(),
    }
  }

  #step(): boolean {
    if (this.#isDead) {
      return false
    }
    this.#operationsLeft -= 1
    this.#isDead = this.#operationsLeft < 0
    return !this.#isDead
  }

  // The write at which the process dies may still arrive in part.
  #mayWrite(isWhole: boolean): boolean {
    return isWhole || this.#operationsLeft === -1
  }

  #refuse(): void {
    if (this.#isDead) {
      throw Object.assign(new Error('the process is dead'), { code: 'DEAD' })
    }
  }
}

function put(file: Uint8Array, position: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(Math.max(file.byteLength, position + bytes.byteLength))
  grown.set(file)
  grown.set(bytes, position)
  return grown
}
