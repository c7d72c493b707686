// Moments between two steps of the cache, each held open and then ended by a kill: what the file
// holds at that moment must be right for the store that the next opening meets.

import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type CacheRuntime, type CacheStore, cacheStore, type OpenStoreContext } from '@umap/store'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { noSignal, settle } from './manual-runtime.ts'
import { VersionedBytes, VersionedStore } from './versioned-store.ts'

type CacheIo = Parameters<NonNullable<CacheRuntime['wrapIo']>>[0]

const blockBytes = 512
const slots = 2
let directory: string
let openingCount = 0
let bytes: VersionedBytes
const open: CacheStore[] = []
const gates: Gate[] = []

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'umap-cache-order-'))
  bytes = new VersionedBytes(8 * blockBytes)
  bytes.current.fill(1)
  bytes.written.fill(1)
  bytes.flush()
})

afterEach(async () => {
  for (const gate of gates.splice(0)) {
    gate.open()
  }
  for (const cached of open.splice(0)) {
    await cached.close()
  }
  rmSync(directory, { recursive: true, force: true })
})

/** Data on its way into the file waits while the gate is closed. */
class Gate {
  #open: (() => void) | undefined
  #opened: Promise<void> | undefined

  constructor() {
    gates.push(this)
  }

  close(): void {
    this.#opened = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  open(): void {
    this.#open?.()
    this.#opened = undefined
  }

  async pass(): Promise<void> {
    await this.#opened
  }
}

interface Opening {
  readonly store: VersionedStore
  readonly cached: CacheStore
  readonly file: string
}

async function openCache(
  from: string | undefined,
  wrapIo: (io: CacheIo) => CacheIo = (io) => io,
  context: OpenStoreContext = {},
  atomicFlush = true,
): Promise<Opening> {
  const file = path.join(directory, `cache-${openingCount++}`)
  if (from !== undefined) {
    // The file as a kill at this moment would leave it.
    copyFileSync(from, file)
  }
  const store = new VersionedStore(bytes, { atomicFlush, callBytesMax: 4096 })
  const options = { path: file, bytes: 4096 + slots * (blockBytes + 128), blockBytes }
  const cached = await cacheStore(store, options, context, { wrapIo })
  open.push(cached)
  return { store, cached, file }
}

async function readBlock({ cached }: Opening, block: number): Promise<number> {
  const target = new Uint8Array(blockBytes)
  await cached.read(block * blockBytes, target, noSignal)
  expect(new Set(target).size).toBe(1)
  return target[0] as number
}

async function writeBlock({ cached }: Opening, block: number, value: number): Promise<void> {
  await cached.write?.(block * blockBytes, new Uint8Array(blockBytes).fill(value), noSignal)
}

/** Until what was read or written is in the file. */
async function inserted({ cached }: Opening, count: number): Promise<void> {
  while (cached.stats().inserts + cached.stats().dropped < count) {
    await settle()
  }
}

describe('a kill', () => {
  it('during-a-flush-does-not-make-later-writes-true', async () => {
    const opening = await openCache(undefined)
    await writeBlock(opening, 0, 2)
    const flush = opening.store.flush.bind(opening.store)
    opening.store.flush = async () => {
      await flush()
      // Written while the flush is under way, which does not cover it.
      await writeBlock(opening, 1, 3)
      await inserted(opening, 2)
    }
    await opening.cached.flush?.()
    bytes.loseUnflushed()
    const after = await openCache(opening.file)
    expect([await readBlock(after, 0), await readBlock(after, 1)]).toEqual([2, 1])
    // What the flush did cover was kept.
    expect(after.store.readBytes).toBe(blockBytes)
  })

  it('during-an-eviction-does-not-bring-back-what-left', async () => {
    const gate = new Gate()
    const opening = await openCache(undefined, (io) => ({
      ...io,
      async write(position, source) {
        await gate.pass()
        await io.write(position, source)
      },
    }))
    await readBlock(opening, 0)
    await readBlock(opening, 1)
    await inserted(opening, 2)
    gate.close()
    // One of the two leaves, and its bytes are still in the slot.
    await readBlock(opening, 2)
    await settle()
    await writeBlock(opening, 0, 5)
    await writeBlock(opening, 1, 6)
    await opening.cached.flush?.()
    const after = await openCache(opening.file)
    expect([await readBlock(after, 0), await readBlock(after, 1)]).toEqual([5, 6])
  })

  it('after-a-host-died-does-not-make-unflushed-writes-true', async () => {
    const opening = await openCache(undefined)
    await writeBlock(opening, 0, 2)
    // The same session: the store still shows what was written and not flushed.
    const again = await openCache(opening.file, undefined, { version: bytes.version })
    expect(await readBlock(again, 0)).toBe(2)
    await inserted(again, 1)
    bytes.loseUnflushed()
    const after = await openCache(again.file)
    expect(await readBlock(after, 0)).toBe(1)
  })

  it('finds-the-mark-of-a-write-that-may-be-durable-at-any-time', async () => {
    const log: string[] = []
    const wrapIo = (io: CacheIo): CacheIo => ({
      ...io,
      writeNow(position, source) {
        log.push(position === 0 ? 'header' : 'entry')
        io.writeNow(position, source)
      },
      async sync() {
        await io.sync()
        log.push('sync')
      },
    })
    const first = await openCache(undefined)
    await readBlock(first, 0)
    await inserted(first, 1)
    const opening = await openCache(first.file, wrapIo, {}, false)
    const write = opening.store.write.bind(opening.store)
    opening.store.write = async (offset, source) => {
      log.push('write')
      await write(offset, source)
    }
    await writeBlock(opening, 0, 2)
    expect(log.slice(0, 4)).toEqual(['header', 'sync', 'entry', 'write'])
  })
})

describe('a write', () => {
  it('keeps-older-bytes-out-that-are-on-their-way-into-the-file', async () => {
    const gate = new Gate()
    const opening = await openCache(undefined, (io) => ({
      ...io,
      async write(position, source) {
        await gate.pass()
        await io.write(position, source)
      },
    }))
    gate.close()
    await readBlock(opening, 0)
    await settle()
    // In part, so that nothing newer takes the place of the block.
    await opening.cached.write?.(0, new Uint8Array(8).fill(4), noSignal)
    gate.open()
    await inserted(opening, 1)
    const target = new Uint8Array(16)
    await opening.cached.read(0, target, noSignal)
    expect([...target]).toEqual([4, 4, 4, 4, 4, 4, 4, 4, 1, 1, 1, 1, 1, 1, 1, 1])
  })
})
