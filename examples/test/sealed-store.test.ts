// The sealed store: it keeps the contract over a file, shows nothing that was tampered with, loses
// nothing when the store below fails, and works under umap.

import { randomBytes } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { umap } from '@umap/core'
import { fileStore } from '@umap/store-file'
import { faultControl, faultyStore, runStoreConformance } from '@umap/store-testkit'
import { afterAll, describe, expect, it } from 'vitest'
import { openStore, sealedByteLength, sealedStore } from '../stores/sealed-store.mjs'
import { temporaryDirectory } from './run-program.ts'

const root = temporaryDirectory()
const secret = randomBytes(32).toString('hex')
const key = { env: 'UMAP_EXAMPLE_KEY' }
process.env.UMAP_EXAMPLE_KEY = secret
afterAll(() => {
  delete process.env.UMAP_EXAMPLE_KEY
})

let count = 0
const newPath = () => path.join(root, `sealed-${count++}`)
const signal = new AbortController().signal

/** Options that make a sealed store in a file. */
function made(file: string, byteLength: number, pageBytes: number) {
  const below = { path: file, create: true, byteLength: sealedByteLength(byteLength, pageBytes) }
  return { store: fileStore(below), key, create: true, byteLength, pageBytes }
}

// Sealed pages larger than the engine's, so that calls meet in them.
runStoreConformance({
  test: { describe, it },
  name: 'sealedStore',
  open: ({ id, byteLength, access }) =>
    openStore(made(path.join(root, id), byteLength, 16384), { access }),
  reopen: ({ id, access }) =>
    openStore({ store: fileStore({ path: path.join(root, id) }), key }, { access }),
  ref: ({ id }) => sealedStore({ store: fileStore({ path: path.join(root, id) }), key }),
  secrets: [secret],
  kills: 3,
})

describe('a sealed store', () => {
  const pageBytes = 4096
  const byteLength = 20 * pageBytes
  const reopen = (file: string, more: object = {}) =>
    openStore({ store: fileStore({ path: file }), key, ...more })

  /** A file whose pages hold their number, flushed, and where the pages lie in it. */
  async function makeFile(): Promise<{ file: string; pagesOffset: number }> {
    const file = newPath()
    const store = await openStore(made(file, byteLength, pageBytes))
    for (let page = 0; page < 20; page++) await writePage(store, page, page)
    await store.flush()
    await store.close()
    return { file, pagesOffset: sealedByteLength(byteLength, pageBytes) - 2 * byteLength }
  }

  async function writePage(
    store: Awaited<ReturnType<typeof openStore>>,
    page: number,
    value: number,
  ) {
    await store.write(page * pageBytes, new Uint8Array(pageBytes).fill(value + 1), { signal })
  }

  async function readPage(store: Awaited<ReturnType<typeof openStore>>, page: number) {
    const target = new Uint8Array(pageBytes)
    const result = await store.read(page * pageBytes, target, { signal })
    return result === 'hole' ? 'hole' : (target[0] as number) - 1
  }

  /** Changes the bytes of a closed file. */
  function tamper(file: string, change: (bytes: Buffer) => void): void {
    const bytes = readFileSync(file)
    change(bytes)
    writeFileSync(file, bytes)
  }

  it('shows-nothing-of-its-contents-below', async () => {
    const file = newPath()
    const store = await openStore(made(file, byteLength, pageBytes))
    const text = Buffer.from('the quick brown fox '.repeat(300)).subarray(0, pageBytes)
    await store.write(0, text, { signal })
    await store.flush()
    await store.close()
    expect(readFileSync(file).includes('quick brown')).toBe(false)
    expect(readFileSync(file).includes(Buffer.from(secret, 'hex'))).toBe(false)
  })

  it('refuses-pages-that-were-changed-or-exchanged-and-shows-the-others', async () => {
    const { file, pagesOffset } = await makeFile()
    const at = (page: number) => pagesOffset + page * pageBytes
    tamper(file, (bytes) => {
      bytes[at(3) + 100]! ^= 1
      const five = Buffer.from(bytes.subarray(at(5), at(6)))
      bytes.copy(bytes, at(5), at(6), at(7))
      bytes.set(five, at(6))
    })
    const store = await reopen(file)
    for (const page of [3, 5, 6]) {
      await expect(readPage(store, page)).rejects.toMatchObject({ code: 'SEALED_DAMAGED' })
    }
    for (const page of [0, 4, 7, 19]) expect(await readPage(store, page)).toBe(page)
    await store.close()
  })

  it('refuses-a-page-that-was-put-back-to-an-older-version', async () => {
    const { file } = await makeFile()
    const old = readFileSync(file)
    const store = await reopen(file)
    await writePage(store, 2, 77)
    await store.flush()
    await writePage(store, 2, 78)
    await store.flush()
    await store.close()
    const { length } = old
    // All pages as they were, in both places, under the table of today.
    tamper(file, (bytes) => old.copy(bytes, length - 2 * byteLength, length - 2 * byteLength))
    const again = await reopen(file)
    await expect(readPage(again, 2)).rejects.toMatchObject({ code: 'SEALED_DAMAGED' })
    expect(await readPage(again, 1)).toBe(1)
    await again.close()
  })

  it('refuses-pages-of-another-store-with-the-same-key', async () => {
    const one = await makeFile()
    const two = await makeFile()
    const other = readFileSync(two.file)
    tamper(one.file, (bytes) => other.copy(bytes, one.pagesOffset, one.pagesOffset))
    const store = await reopen(one.file)
    await expect(readPage(store, 0)).rejects.toMatchObject({ code: 'SEALED_DAMAGED' })
    await store.close()
  })

  it('notices-an-older-copy-of-all-of-it-only-where-it-is-told-how-old-it-may-be', async () => {
    const { file } = await makeFile()
    const copy = newPath()
    copyFileSync(file, copy)
    const store = await reopen(file)
    await writePage(store, 0, 9)
    await store.flush()
    const { epoch } = store
    await store.close()
    const older = await reopen(copy)
    expect(await readPage(older, 0)).toBe(0)
    await older.close()
    await expect(reopen(copy, { epochMin: epoch })).rejects.toMatchObject({
      code: 'SEALED_ROLLBACK',
    })
    await (await reopen(file, { epochMin: epoch })).close()
  })

  it('does-not-pretend-to-have-what-died-with-its-host', async () => {
    const { file } = await makeFile()
    const options = { store: fileStore({ path: file }), key }
    const { version } = await reopen(file).then(async (store) => {
      await store.close()
      return store
    })
    await expect(openStore(options, { access: 'read-write', version })).rejects.toMatchObject({
      code: 'STORE_FLUSH_LOST',
    })
    await (await openStore(options, { access: 'read-only', version })).close()
    await expect(
      openStore(options, { access: 'read-only', version: `${version}0` }),
    ).rejects.toMatchObject({ code: 'SEALED_CHANGED' })
  })

  it('lets-one-of-two-writers-win-and-readers-follow-it', async () => {
    const { file } = await makeFile()
    const [one, two] = [await reopen(file), await reopen(file)]
    const reader = await openStore(
      { store: fileStore({ path: file }), key },
      { access: 'read-only' },
    )
    await writePage(two, 9, 90)
    for (const value of [30, 31, 32, 33]) {
      await writePage(one, 3, value)
      await one.flush()
    }
    await expect(two.flush()).rejects.toMatchObject({ code: 'SEALED_CONFLICT' })
    // Both places of the page have been written since the reader opened.
    expect(await readPage(reader, 3)).toBe(33)
    expect(await readPage(reader, 9)).toBe(9)
    for (const store of [one, two, reader]) await store.close()
  })

  it('falls-back-to-the-state-before-when-the-last-table-is-torn', async () => {
    const { file } = await makeFile()
    const store = await reopen(file)
    await writePage(store, 4, 44)
    await store.flush()
    const { epoch } = store
    await store.close()
    tamper(file, (bytes) =>
      bytes.fill(0xa5, 4096 * (1 + (epoch % 2)) + 64, 4096 * (2 + (epoch % 2))),
    )
    const again = await reopen(file)
    expect(again.epoch).toBe(epoch - 1)
    expect(await readPage(again, 4)).toBe(4)
    // What is torn is no other writer.
    await writePage(again, 4, 45)
    await again.flush()
    await again.close()
  })

  it('says-what-is-wrong-with-a-key-and-never-shows-it', async () => {
    const { file } = await makeFile()
    const wrong = 'ab'.repeat(32)
    process.env.UMAP_EXAMPLE_WRONG = wrong
    process.env.UMAP_EXAMPLE_SHORT = 'abcd'
    const errors = await Promise.all(
      ['WRONG', 'SHORT', 'NONE'].map((name) =>
        reopen(file, { key: { env: `UMAP_EXAMPLE_${name}` } }).catch((error) => error),
      ),
    )
    delete process.env.UMAP_EXAMPLE_WRONG
    delete process.env.UMAP_EXAMPLE_SHORT
    expect(errors.map(({ code }) => code)).toEqual(['SEALED_KEY', 'SEALED_KEY', 'SEALED_KEY'])
    const text = errors.map(({ message, stack }) => message + stack).join('\n')
    for (const value of [secret, wrong, 'abcd']) expect(text).not.toContain(value)
    expect(() => sealedStore({ ...made(newPath(), 1, 4096), key: secret as never })).toThrow(
      /^key must be \{ env: NAME \} or/,
    )
    const ref = sealedStore(made(newPath(), 1, 4096))
    expect(JSON.stringify(ref)).not.toContain(secret)
  })

  it('loses-nothing-when-the-store-below-refuses-writes-and-flushes', async () => {
    const seed = Number(process.env.UMAP_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
    console.log(`UMAP_TEST_SEED=${seed}`)
    const file = newPath()
    const options = made(file, byteLength, 16384)
    await (await openStore(options)).close()
    const below = faultyStore(fileStore({ path: file }), {
      seed,
      rates: { read: { error: 0.1 }, write: { error: 0.1, torn: 0.2 }, flush: { error: 0.3 } },
    })
    const control = faultControl(below)
    const store = await openPatiently(() => openStore({ store: below, key }))
    const random = makeRandom(seed)
    const model = new Uint8Array(byteLength)
    for (let step = 0; step < 400; step++) {
      const page = random(20)
      const value = random(255)
      // As the engine does it: what was refused is written again until it is taken.
      await patiently(() => writePage(store, page, value))
      model.fill(value + 1, page * pageBytes, (page + 1) * pageBytes)
      if (step % 40 === 39) await patiently(() => store.flush())
    }
    await patiently(() => store.flush())
    await store.close()
    expect(control.report().faults.length).toBeGreaterThan(20)
    const healthy = await reopen(file)
    const bytes = new Uint8Array(byteLength)
    await healthy.read(0, bytes, { signal })
    expect(Buffer.compare(bytes, model)).toBe(0)
    await healthy.close()
  })

  it('is-what-was-written-through-umap-with-a-small-buffer', async () => {
    const seed = Number(process.env.UMAP_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
    console.log(`UMAP_TEST_SEED=${seed}`)
    const random = makeRandom(seed)
    const size = 4 * 2 ** 20 + 1000
    const file = newPath()
    await (await openStore(made(file, size, 16384))).close()
    const store = sealedStore({ store: fileStore({ path: file }), key })
    const model = Buffer.alloc(size)
    for (let opening = 0; opening < 2; opening++) {
      const region = await umap({
        store,
        access: 'read-write',
        pageBytes: 4096 << (2 * opening),
        buffer: { bytes: 2 ** 18 },
      })
      const bytes = region.view(Uint8Array)
      for (let step = 0; step < 600; step++) {
        const offset = random(size)
        const length = 1 + random(Math.min(9000, size - offset))
        if (step % 3 === 0) {
          const seen = Buffer.from(bytes.slice(offset, offset + length))
          if (!seen.equals(model.subarray(offset, offset + length))) {
            expect.unreachable(`wrong bytes at ${offset}`)
          }
        } else {
          const value = random(256)
          bytes.fill(value, offset, offset + length)
          model.fill(value, offset, offset + length)
        }
        if (step % 100 === 99) await region.flush()
      }
      expect(region.stats().evictions).toBeGreaterThan(0)
      await region.close()
    }
    const plain = await openStore({ store: fileStore({ path: file }), key })
    const bytes = Buffer.alloc(size)
    await plain.read(0, bytes, { signal })
    expect(bytes.equals(model)).toBe(true)
    await plain.close()
  })
})

async function patiently(call: () => unknown): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await call()
      return
    } catch (error) {
      if (attempt === 200) throw error
    }
  }
}

async function openPatiently<T>(open: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await open()
    } catch (error) {
      if (attempt === 200) throw error
    }
  }
}

function makeRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
