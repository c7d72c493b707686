// Readers beside a writer, a second writer, a database that others keep busy, and a store whose
// host died.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { describeSqlite, openStore, query, queryNumber } from './supported.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const newPath = temporaryDirectory()
const byteLength = 5 * 65536 + 100

async function newWriter() {
  const file = newPath()
  const writer = await openStore({ path: file, create: true, byteLength })
  writer.write(0, new Uint8Array(byteLength).fill(1))
  writer.flush()
  return { file, writer }
}

/** The one value that all bytes have. */
function value(store: { read(offset: number, target: Uint8Array): unknown }): number {
  const bytes = Buffer.alloc(byteLength, 0xaa)
  if (store.read(0, bytes) === 'hole') {
    return 0
  }
  expect(bytes.equals(Buffer.alloc(byteLength, bytes[0]))).toBe(true)
  return bytes[0] ?? -1
}

const readOnly = { access: 'read-only' } as const

describeSqlite('readers', () => {
  it('see-the-flush-before-their-opening-for-as-long-as-they-are-open', async () => {
    const { file, writer } = await newWriter()
    const first = await openStore({ path: file }, readOnly)
    expect(first.version).toBe(writer.version)
    writer.write(0, new Uint8Array(byteLength).fill(2))
    const second = await openStore({ path: file }, readOnly)
    expect([value(first), value(second), value(writer)]).toEqual([1, 1, 2])
    expect(second.version).toBe(first.version)
    writer.flush()
    const third = await openStore({ path: file }, readOnly)
    expect([value(first), value(second), value(third)]).toEqual([1, 1, 2])
    expect(third.version).toBe(writer.version)
    expect(third.version).not.toBe(first.version)
    writer.discard(0, byteLength)
    writer.flush()
    // Carries over into the database what no reader needs any more, and only that.
    query(file, (db) => db.pragma('wal_checkpoint(PASSIVE)'))
    expect([value(first), value(second), value(third), value(writer)]).toEqual([1, 1, 2, 0])
    for (const store of [first, second, third, writer]) await store.close()
    await using fourth = await openStore({ path: file }, readOnly)
    expect(value(fourth)).toBe(0)
  })

  it('write-nothing-and-cannot-be-written', async () => {
    const { file, writer } = await newWriter()
    await writer.close()
    await using reader = await openStore({ path: file }, readOnly)
    expect(reader.capabilities.writable).toBe(false)
    const refused = expect.objectContaining({ code: 'STORE_READ_ONLY', retryable: false })
    expect(() => reader.write(0, new Uint8Array(1))).toThrow(refused)
    expect(() => reader.discard(0, 1)).toThrow(refused)
    reader.flush()
    expect(value(reader)).toBe(1)
  })
})

describeSqlite('a second writer', () => {
  it('is-refused-here-and-in-another-thread-until-the-first-closes', async () => {
    const { file, writer } = await newWriter()
    const refused = { code: 'SQLITE_WRITER', retryable: true }
    await expect(openStore({ path: file })).rejects.toMatchObject(refused)
    const source = `
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData.url).then(async ({ openStore }) => {
        const store = await openStore({ path: workerData.file })
        parentPort.postMessage('open')
        parentPort.once('message', () => process.exit(0))
      }).catch((error) => parentPort.postMessage(error.code))`
    const inThread = async () => {
      const url = import.meta.resolve('@umap/store-sqlite')
      const worker = new Worker(source, { eval: true, workerData: { url, file } })
      const [message] = await once(worker, 'message')
      return { worker, message }
    }
    const before = await inThread()
    expect(before.message).toBe('SQLITE_WRITER')
    await before.worker.terminate()
    await writer.close()
    const after = await inThread()
    expect(after.message).toBe('open')
    await expect(openStore({ path: file })).rejects.toMatchObject(refused)
    // A thread that ends without closing gives the lock back too.
    after.worker.postMessage('end')
    await once(after.worker, 'exit')
    await (await openStore({ path: file })).close()
  })

  it('waits-for-one-that-is-closing', async () => {
    const { file, writer } = await newWriter()
    const opening = openStore({ path: file })
    await writer.close()
    await (await opening).close()
  })
})

describeSqlite('a busy database', () => {
  it('makes-writes-and-flushes-wait-without-holding-up-the-thread', async () => {
    const { file, writer } = await newWriter()
    await query(file, async (other) => {
      other.exec('BEGIN IMMEDIATE')
      const waiting = writer.write(0, new Uint8Array(byteLength).fill(9))
      expect(waiting).toBeInstanceOf(Promise)
      expect(value(writer)).toBe(1)
      other.exec('COMMIT')
      await waiting
      expect(value(writer)).toBe(9)
      other.exec('BEGIN IMMEDIATE')
      const flushing = writer.flush()
      expect(flushing).toBeInstanceOf(Promise)
      const closing = writer.close()
      other.exec('COMMIT')
      await flushing
      await closing
    })
    await using reader = await openStore({ path: file }, readOnly)
    expect(value(reader)).toBe(9)
  })

  it('is-an-error-in-the-end-and-can-be-aborted', async () => {
    const { file, writer } = await newWriter()
    await query(file, async (db) => {
      db.exec('BEGIN IMMEDIATE')
      const aborting = new AbortController()
      const bytes = new Uint8Array(10)
      const aborted = writer.write(0, bytes, { signal: aborting.signal })
      aborting.abort(new Error('nobody waits'))
      await expect(aborted).rejects.toThrow('nobody waits')
      await expect(writer.write(0, bytes)).rejects.toMatchObject({
        code: 'SQLITE_BUSY',
        retryable: true,
      })
      expect(value(writer)).toBe(1)
      db.exec('ROLLBACK')
    })
    await writer.close()
  })
})

// What the store host does when it died: it opens again with the session and the version of before.
describeSqlite('opening again', () => {
  it('finds-what-the-session-had-staged', async () => {
    const file = newPath()
    await (await openStore({ path: file, create: true, byteLength })).close()
    const source = `
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData.url).then(async ({ openStore }) => {
        const store = await openStore({ path: workerData.file }, { session: 'mine' })
        store.write(0, new Uint8Array(store.byteLength).fill(4))
        process.exit(0)
      })`
    const staged = async () => {
      const url = import.meta.resolve('@umap/store-sqlite')
      await once(new Worker(source, { eval: true, workerData: { url, file } }), 'exit')
      expect(queryNumber(file, 'SELECT count(*) FROM umap_staged')).toBe(6)
    }
    await staged()
    const again = await openStore({ path: file }, { session: 'mine', version: 'of the first' })
    expect(value(again)).toBe(4)
    again.flush()
    await again.close()

    // Another session is no repetition: what nobody flushed is gone.
    await staged()
    const other = await openStore({ path: file }, { session: 'another' })
    expect(queryNumber(file, 'SELECT count(*) FROM umap_staged')).toBe(0)
    expect(queryNumber(file, 'SELECT count(*) FROM umap_page_data')).toBe(6)
    await other.close()
    const lost = openStore({ path: file }, { session: 'mine', version: 'of the first' })
    await expect(lost).rejects.toMatchObject({ code: 'SQLITE_SESSION_LOST', retryable: false })
  })

  it('a-reader-refuses-another-state', async () => {
    const { file, writer } = await newWriter()
    const { version } = writer
    await (await openStore({ path: file }, { ...readOnly, session: 'r', version })).close()
    writer.write(0, new Uint8Array(1))
    writer.flush()
    const again = openStore({ path: file }, { ...readOnly, session: 'r', version })
    await expect(again).rejects.toMatchObject({ code: 'SQLITE_CHANGED', retryable: false })
    await writer.close()
  })
})
