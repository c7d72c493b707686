// Random work on a cached store, with kills, power cuts and failures at any point, against the
// store itself: whatever happens to the cache file, no read ever shows a wrong byte.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type CacheStore, cacheStore } from '@umap/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CrashingFile, randomOf } from './crashing-io.ts'
import { ManualRuntime, noSignal } from './manual-runtime.ts'
import { VersionedBytes, VersionedStore } from './versioned-store.ts'

const blockBytes = 512
const byteLength = 20 * blockBytes + 100
const options = { bytes: 4096 + 6 * (blockBytes + 128), blockBytes }

interface Step {
  readonly op:
    | 'read'
    | 'write'
    | 'discard'
    | 'flush'
    | 'reopen'
    | 'kill'
    | 'repeat'
    | 'cut'
    | 'foreign'
  readonly offset: number
  readonly byteLength: number
  readonly value: number
  readonly fault: 'half' | 'fail' | undefined
  /** File operations until the next death. */
  readonly operations: number
}

const seldom = <T>(value: T) =>
  fc.option(fc.constant(value), { nil: undefined, freq: 6 }) as fc.Arbitrary<T | undefined>

const steps = fc.array(
  fc.record<Step>({
    op: fc.oneof(
      { weight: 12, arbitrary: fc.constant('read' as const) },
      { weight: 6, arbitrary: fc.constant('write' as const) },
      { weight: 1, arbitrary: fc.constant('discard' as const) },
      { weight: 3, arbitrary: fc.constant('flush' as const) },
      { weight: 2, arbitrary: fc.constant('reopen' as const) },
      { weight: 1, arbitrary: fc.constantFrom('kill', 'repeat', 'cut', 'foreign') },
    ),
    // Mostly whole blocks, as an engine asks for them.
    offset: fc.oneof(
      fc.integer({ min: 0, max: 20 }).map((block) => block * blockBytes),
      fc.integer({ min: 0, max: byteLength - 1 }),
    ),
    byteLength: fc.oneof(
      fc.integer({ min: 1, max: 6 }).map((count) => count * blockBytes),
      fc.integer({ min: 1, max: 1500 }),
    ),
    value: fc.integer({ min: 1, max: 255 }),
    fault: fc.oneof(seldom('half' as const), seldom('fail' as const)),
    operations: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 0, max: 40 })),
  }),
  { minLength: 5, maxLength: 60 },
)

let machineCount = 0

class Machine {
  readonly #bytes = new VersionedBytes(byteLength)
  readonly #path: string
  readonly #file: CrashingFile
  readonly #atomicFlush: boolean
  readonly #random: () => number
  #cache: CacheStore | undefined
  #fault: Step['fault']
  hits = 0

  constructor(directory: string, atomicFlush: boolean, random: () => number) {
    this.#path = path.join(directory, `cache-${machineCount++}`)
    this.#file = new CrashingFile(this.#path, random)
    this.#atomicFlush = atomicFlush
    this.#random = random
  }

  async open(operations: number, version?: string): Promise<void> {
    this.#file.revive(operations)
    const store = new VersionedStore(this.#bytes, {
      atomicFlush: this.#atomicFlush,
      callBytesMax: 2048,
      fault: () => this.#fault,
    })
    const context = version === undefined ? {} : { version }
    const runtime = {
      clock: new ManualRuntime(),
      onTrouble: () => {},
      wrapIo: (io: Parameters<CrashingFile['wrap']>[0]) => this.#file.wrap(io),
    }
    try {
      this.#cache = await cacheStore(store, { path: this.#path, ...options }, context, runtime)
    } catch (error) {
      if (!this.#file.isDead) {
        throw error
      }
      await this.open(Number.POSITIVE_INFINITY, version)
    }
  }

  async close(): Promise<void> {
    this.hits += this.#cache?.stats().hits ?? 0
    await this.#cache?.close()
  }

  async run(step: Step): Promise<void> {
    const cache = this.#cache as CacheStore
    const end = Math.min(step.offset + step.byteLength, byteLength)
    const target = new Uint8Array(end - step.offset)
    this.#fault = step.op === 'write' || step.op === 'flush' ? step.fault : undefined
    switch (step.op) {
      case 'read':
        return await this.#read(step.offset, target)
      case 'write':
        return await this.#try(() => cache.write?.(step.offset, target.fill(step.value), noSignal))
      case 'discard':
        return await this.#try(() => cache.discard?.(step.offset, target.byteLength))
      case 'flush':
        return await this.#try(() => cache.flush?.())
      default:
        return await this.#end(step)
    }
  }

  async #read(offset: number, target: Uint8Array): Promise<void> {
    const read = await this.#cache?.read(offset, target, noSignal)
    const expected = this.#bytes.current.subarray(offset, offset + target.byteLength)
    const actual = read === 'hole' ? new Uint8Array(target.byteLength) : target
    expect(Buffer.compare(actual, expected), `read at ${offset}`).toBe(0)
  }

  // A store that fails, and a cache that is dead, may fail what changes the store; nothing else may.
  async #try(call: () => unknown): Promise<void> {
    try {
      await call()
    } catch (error) {
      expect(this.#fault !== undefined || this.#file.isDead, String(error)).toBe(true)
    }
  }

  async #end({ op, operations }: Step): Promise<void> {
    const { version } = this.#bytes
    if (op !== 'reopen' && op !== 'foreign') {
      this.#file.kill()
    }
    await this.close()
    if (op === 'cut') {
      this.#file.cutPower()
    }
    if (op === 'foreign') {
      this.#bytes.current.fill(7, 600, 3000)
      this.#bytes.written.fill(1, 600, 3000)
      this.#bytes.flush()
    } else if (op === 'cut' && !this.#atomicFlush) {
      this.#bytes.losePartly(this.#random)
    } else if (op === 'cut' || (op !== 'repeat' && this.#atomicFlush)) {
      this.#bytes.loseUnflushed()
    }
    await this.open(operations, op === 'repeat' ? version : undefined)
  }
}

describe('a cached store', () => {
  for (const atomicFlush of [true, false]) {
    it(`never-shows-a-wrong-byte-${atomicFlush ? 'atomic' : 'other'}-flush`, async () => {
      const directory = mkdtempSync(path.join(tmpdir(), 'umap-cache-'))
      let hits = 0
      try {
        await fc.assert(
          fc.asyncProperty(steps, fc.integer(), async (todo, seed) => {
            const random = randomOf(seed)
            const machine = new Machine(directory, atomicFlush, random)
            await machine.open(Number.POSITIVE_INFINITY)
            try {
              for (const step of todo) {
                await machine.run(step)
              }
            } finally {
              await machine.close()
              hits += machine.hits
            }
          }),
          { numRuns: 150 },
        )
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
      // The cache was of use, or nothing was tested.
      expect(hits).toBeGreaterThan(150)
    })
  }
})
