// A cache is bounded, outlives its process, follows its store's version, and is never in the way.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  type CacheOptions,
  type CacheRuntime,
  type CacheStore,
  cache,
  cacheStore,
  memoryStore,
  openStoreRef,
  type PageStore,
} from '@umap/store'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HeldStore, ManualRuntime, noSignal, settle } from './manual-runtime.ts'
import { VersionedBytes, VersionedStore } from './versioned-store.ts'

const blockBytes = 512
const blockCount = 16
type WrapIo = NonNullable<CacheRuntime['wrapIo']>

let directory: string
let file: string
let bytes: VersionedBytes
const open: PageStore[] = []

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'umap-cache-'))
  file = path.join(directory, 'cache')
  bytes = new VersionedBytes(blockCount * blockBytes)
  for (let index = 0; index < bytes.current.byteLength; index++) {
    bytes.current[index] = 1 + (index % 251)
  }
  bytes.written.fill(1)
  bytes.flush()
})

afterEach(async () => {
  for (const store of open.splice(0)) {
    await store.close()
  }
  rmSync(directory, { recursive: true, force: true })
})

function bytesFor(slots: number): number {
  return 4096 + slots * (blockBytes + 128)
}

function below(): VersionedStore {
  return new VersionedStore(bytes, { atomicFlush: true, callBytesMax: 2048 })
}

async function openCache(
  store: PageStore,
  slots: number = blockCount,
  more: Partial<CacheOptions> = {},
  runtime: CacheRuntime = {},
): Promise<CacheStore> {
  const options = { path: file, bytes: bytesFor(slots), blockBytes, ...more }
  const opened = await cacheStore(store, options, {}, runtime)
  open.push(opened)
  return opened
}

/** Reads in calls of 1024 bytes; fails unless all is right. */
async function readAll(store: PageStore): Promise<void> {
  for (let offset = 0; offset < store.byteLength; offset += 1024) {
    await readAt(store, offset, 1024)
  }
}

async function readAt(
  store: PageStore,
  offset: number,
  byteLength: number,
): Promise<'hole' | void> {
  const target = new Uint8Array(byteLength).fill(0xee)
  const result = await store.read(offset, target, noSignal)
  const expected = bytes.current.subarray(offset, offset + byteLength)
  const actual = result === 'hole' ? new Uint8Array(byteLength) : target
  expect(Buffer.compare(actual, expected), `read at ${offset}`).toBe(0)
  return result
}

/** Fills a cache file and closes it. */
async function fill(slots: number = blockCount): Promise<void> {
  const cached = await openCache(below(), slots)
  await readAll(cached)
  await cached.close()
}

describe('cacheStore', () => {
  it('reads-nothing-twice-and-nothing-again-after-a-restart', async () => {
    const first = below()
    const cached = await openCache(first)
    await readAll(cached)
    await readAll(cached)
    expect(first.readBytes).toBe(bytes.current.byteLength)
    await cached.close()
    const second = below()
    const again = await openCache(second)
    await readAll(again)
    expect(second.readBytes).toBe(0)
    expect(again.stats()).toMatchObject({ hits: blockCount, misses: 0, torn: 0 })
  })

  it('never-grows-past-its-bytes', async () => {
    const cached = await openCache(below(), 5)
    await readAll(cached)
    await readAll(cached)
    await cached.close()
    expect(cached.stats().evictions).toBeGreaterThan(0)
    expect(statSync(file).size).toBeLessThanOrEqual(bytesFor(5))
  })

  it('spares-what-is-used-when-others-pass-by', async () => {
    const store = below()
    const cached = await openCache(store, 4)
    for (let block = 0; block < blockCount; block++) {
      await readAt(cached, 0, blockBytes)
      await readAt(cached, block * blockBytes, blockBytes)
      await settle()
    }
    const before = store.readBytes
    await readAt(cached, 0, blockBytes)
    expect(store.readBytes).toBe(before)
  })

  it('drops-what-belongs-to-another-version-or-size', async () => {
    await fill()
    bytes.current.fill(9, 100, 3000)
    bytes.flush()
    const changed = below()
    const cached = await openCache(changed)
    await readAll(cached)
    expect(changed.readBytes).toBe(bytes.current.byteLength)
    await cached.close()
    const { version } = bytes
    bytes = new VersionedBytes((blockCount - 2) * blockBytes)
    const shorter = Object.defineProperty(below(), 'version', { value: version })
    await readAll(await openCache(shorter))
    expect(shorter.readBytes).toBe(bytes.current.byteLength)
  })

  it('remembers-holes-over-a-restart', async () => {
    bytes.current.fill(0, 1024, 4096)
    bytes.written.fill(0, 1024, 4096)
    bytes.flush()
    await fill()
    const store = below()
    const cached = await openCache(store)
    expect(await readAt(cached, 1024, 2048)).toBe('hole')
    // A hole among bytes is zeros.
    expect(await readAt(cached, 512, 1024)).toBe(undefined)
    expect(store.readBytes).toBe(0)
  })

  it('keeps-what-was-written-once-it-was-flushed', async () => {
    const cached = await openCache(below())
    await cached.write?.(1024, new Uint8Array(1024).fill(77), noSignal)
    await readAt(cached, 1024, 1024)
    await cached.flush?.()
    await cached.close()
    const store = below()
    const again = await openCache(store)
    await readAt(again, 1024, 1024)
    expect(store.readBytes).toBe(0)
  })

  it('forgets-before-a-write-and-stays-so-when-the-write-fails', async () => {
    await fill()
    const failing = new VersionedStore(bytes, {
      atomicFlush: true,
      callBytesMax: 2048,
      fault: (op) => (op === 'write' ? 'half' : undefined),
    })
    const cached = await openCache(failing)
    const writing = cached.write?.(0, new Uint8Array(1024).fill(3), noSignal)
    await expect(writing).rejects.toMatchObject({ code: 'TEST_BUSY' })
    await readAt(cached, 0, 1024)
    expect(failing.readBytes).toBe(1024)
  })

  it('makes-the-file-right-before-the-store-is-durable-and-follows-its-version', async () => {
    const log: string[] = []
    const store = below()
    const flush = store.flush.bind(store)
    store.flush = async () => {
      log.push('flush')
      await flush()
    }
    const wrapIo: WrapIo = (io) => ({
      ...io,
      writeNow(position, source) {
        log.push(position === 0 ? 'header' : 'entry')
        io.writeNow(position, source)
      },
      async sync() {
        log.push('sync')
        await io.sync()
      },
    })
    await fill()
    const cached = await openCache(store, blockCount, {}, { wrapIo })
    await cached.write?.(100, new Uint8Array(1).fill(1), noSignal)
    await cached.flush?.()
    expect(log).toEqual(['header', 'entry', 'sync', 'flush', 'header'])
    await cached.flush?.()
    expect(log.at(-1)).toBe('flush')
  })

  it('reads-neighbours-together-and-one-call-at-a-time', async () => {
    const store = below()
    const cached = await openCache(store)
    await readAt(cached, 2048, 512)
    store.readCalls = 0
    // Blocks 0 to 3, then 5 to 8 and 9 to 11: calls of 2048 bytes, around the block that is known.
    await readAt(cached, 0, 6144)
    expect(store.readCalls).toBe(3)
    expect(store.callsMax).toBe(1)
  })

  it('reads-a-block-once-for-all-who-want-a-part-of-it', async () => {
    const store = below()
    const cached = await openCache(store)
    await Promise.all([0, 128, 256, 384].map((offset) => readAt(cached, offset, 128)))
    expect(store.readBytes).toBe(blockBytes)
    const small = new VersionedStore(bytes, { atomicFlush: true, callBytesMax: 100 })
    const other = await openCache(small, blockCount, { path: `${file}-2` })
    await readAt(other, 700, 9)
    expect([small.readCalls, small.readBytes]).toEqual([6, blockBytes])
  })

  it('leaves-a-file-alone-that-another-opening-uses', async () => {
    const first = await openCache(below())
    const troubles: string[] = []
    const onTrouble = (message: string) => troubles.push(message)
    const store = below()
    const second = await openCache(store, blockCount, {}, { onTrouble })
    expect(second.stats().uncached).toBe('in use by another opening')
    expect(troubles.join()).toContain(file)
    await readAll(second)
    await readAll(second)
    expect(store.readBytes).toBe(2 * bytes.current.byteLength)
    await first.close()
    const third = await openCache(below())
    expect(third.stats().uncached).toBeUndefined()
  })

  it('is-no-trouble-when-the-disk-is-full', async () => {
    const full = () => Object.assign(new Error('full'), { code: 'ENOSPC' })
    let isFull = true
    const wrapIo: WrapIo = (io) => ({
      ...io,
      write: (position, source) => (isFull ? Promise.reject(full()) : io.write(position, source)),
    })
    const troubles: string[] = []
    const clock = new ManualRuntime()
    const runtime = { wrapIo, clock, onTrouble: (message: string) => troubles.push(message) }
    const store = below()
    const cached = await openCache(store, blockCount, {}, runtime)
    await readAll(cached)
    await readAll(cached)
    expect(cached.stats().inserts).toBe(0)
    expect(troubles).toEqual([expect.stringContaining('ENOSPC')])
    isFull = false
    await clock.advance(6000)
    await readAll(cached)
    await cached.close()
    expect(cached.stats().inserts).toBe(blockCount)
  })

  it('gives-the-file-up-when-it-cannot-be-kept-right', async () => {
    await fill()
    const wrapIo: WrapIo = (io) => ({
      ...io,
      writeNow() {
        throw Object.assign(new Error('broken'), { code: 'EIO' })
      },
    })
    const cached = await openCache(below(), blockCount, {}, { wrapIo })
    await cached.write?.(0, new Uint8Array(512).fill(5), noSignal)
    await readAll(cached)
    await cached.close()
    expect(statSync(file).size).toBe(0)
  })

  it('does-not-change-the-store-behind-a-file-that-would-be-believed', async () => {
    await fill()
    const broken = () => {
      throw Object.assign(new Error('broken'), { code: 'EIO' })
    }
    const wrapIo: WrapIo = (io) => ({ ...io, writeNow: broken, destroy: broken })
    const cached = await openCache(below(), blockCount, {}, { wrapIo })
    const before = Uint8Array.from(bytes.current)
    const writing = cached.write?.(0, new Uint8Array(512).fill(5), noSignal)
    await expect(writing).rejects.toMatchObject({ retryable: true })
    expect(Buffer.compare(bytes.current, before)).toBe(0)
    await readAll(cached)
  })

  it('refuses-a-store-without-a-version-unless-told-otherwise', async () => {
    const silent = () => Object.defineProperty(below(), 'version', { value: undefined })
    await expect(openCache(silent())).rejects.toMatchObject({ code: 'STORE_UNSUPPORTED' })
    await expect(openCache(silent())).rejects.toThrow("trust: 'until-closed'")
    for (const [trust, expected] of [
      ['until-closed', bytes.current.byteLength],
      [{ version: 'of May' }, 0],
    ] as const) {
      const first = await openCache(silent(), blockCount, { trust })
      await readAll(first)
      await first.close()
      const store = silent()
      const second = await openCache(store, blockCount, { trust })
      await readAll(second)
      await readAll(second)
      expect(store.readBytes).toBe(expected)
      await second.close()
    }
    const other = silent()
    await readAll(await openCache(other, blockCount, { trust: { version: 'of June' } }))
    expect(other.readBytes).toBe(bytes.current.byteLength)
  })

  it('leaves-files-alone-that-are-something-else', async () => {
    writeFileSync(file, 'my thesis')
    await expect(openCache(below())).rejects.toMatchObject({ code: 'STORE_INVALID' })
    expect(readFileSync(file, 'utf8')).toBe('my thesis')
    await expect(openCache(below(), 4, { path: directory })).rejects.toMatchObject({
      code: 'STORE_UNSUPPORTED',
    })
    const nowhere = path.join(directory, 'no', 'such')
    await expect(openCache(below(), 4, { path: nowhere })).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('lets-a-caller-go-that-aborts-and-refuses-calls-after-close', async () => {
    const held = new HeldStore()
    const cached = await openCache(held)
    const controller = new AbortController()
    const reason = new Error('nobody waits')
    const first = cached.read(0, new Uint8Array(blockBytes), noSignal)
    const waiting = cached.read(8, new Uint8Array(8), { signal: controller.signal })
    const failed = expect(waiting).rejects.toBe(reason)
    await settle()
    expect(held.calls.length).toBe(1)
    controller.abort(reason)
    await failed
    const closing = cached.close()
    await expect(cached.flush?.()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    expect(held.closeCount).toBe(0)
    held.last.resolve()
    await first
    await closing
    expect(held.closeCount).toBe(1)
  })

  it('never-believes-a-byte-that-was-changed', async () => {
    await fill(4)
    const whole = readFileSync(file)
    const tableEnd = 4096 + 8 * 64
    // What the header uses all of; of the rest, the table and the slots, samples.
    const every = (step: number, from: number, to: number) =>
      Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => from + index * step)
    const places = [
      ...every(1, 0, 88),
      ...every(20, 88, 488),
      ...every(2, 488, 512),
      ...every(5, 4096, tableEnd),
      ...every(67, tableEnd, whole.byteLength),
    ]
    for (const place of places) {
      const changed = Buffer.from(whole)
      changed[place] = (changed[place] as number) ^ (1 << (place % 8))
      writeFileSync(file, changed)
      const cached = await openCache(below(), 4)
      await readAll(cached)
      await cached.close()
    }
  })

  it('never-believes-a-file-that-was-cut', async () => {
    await fill(4)
    const whole = readFileSync(file)
    for (let end = 0; end < whole.byteLength; end += 61) {
      writeFileSync(file, whole.subarray(0, end))
      const cached = await openCache(below(), 4)
      await readAll(cached)
      await cached.close()
    }
  })
})

describe('cache', () => {
  it('opens-from-a-clone-of-its-reference', async () => {
    const options = { path: file, bytes: bytesFor(8), blockBytes, trust: 'until-closed' } as const
    const ref = structuredClone(cache(memoryStore({ byteLength: 4096 }), options))
    const store = await openStoreRef(ref, { access: 'read-write' })
    open.push(store)
    expect(store.capabilities.writable).toBe(true)
    await store.write?.(512, Uint8Array.of(1, 2, 3), noSignal)
    const target = new Uint8Array(4)
    await store.read(511, target, noSignal)
    expect([...target]).toEqual([0, 1, 2, 3])
  })

  it('names-options-that-are-wrong', () => {
    const memory = memoryStore({ byteLength: 1 })
    const good = { path: file, bytes: 2 ** 20 }
    const wrong: ReadonlyArray<readonly [object, string]> = [
      [{ bytes: 2 ** 20 }, 'path'],
      [{ path: file }, 'bytes'],
      [{ ...good, bytes: 100 }, 'bytes must be from'],
      [{ ...good, blockBytes: 1000 }, 'power of two'],
      [{ ...good, blockBytes: 2 ** 30 }, 'blockBytes'],
      [{ ...good, trust: 'always' }, 'trust'],
      [{ ...good, trust: {} }, 'trust.version'],
      [{ ...good, size: 5 }, 'size'],
    ]
    for (const [options, text] of wrong) {
      expect(() => cache(memory, options as CacheOptions), text).toThrow(text)
    }
  })
})
