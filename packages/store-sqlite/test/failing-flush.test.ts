// Flushes that SQLite refuses, forced on the connection itself: one that found no room may be
// repeated, one after which nobody knows what is on disk may not.

import { expect, it } from 'vitest'
import { Random } from './random.mjs'
import { describeSqlite, openStore } from './supported.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const newPath = temporaryDirectory()
const byteLength = 2 ** 21

async function newStore() {
  const { openDataSet } = await import('../src/open-database.ts')
  const { SqliteStore } = await import('../src/sqlite-store.ts')
  const path = newPath()
  await (await openStore({ path, create: true, byteLength })).close()
  const opened = await openDataSet({ path }, {})
  return { path, connection: opened.connection, store: new SqliteStore(opened) }
}

async function flushedBytes(path: string): Promise<Buffer> {
  await using reader = await openStore({ path }, { access: 'read-only' })
  const bytes = Buffer.alloc(byteLength)
  return reader.read(0, bytes) === 'hole' ? Buffer.alloc(byteLength) : bytes
}

describeSqlite('a flush that fails', () => {
  it('for-want-of-room-leaves-the-old-state-and-may-be-repeated', async () => {
    const { path, connection, store } = await newStore()
    const bytes = new Random(3).bytes(byteLength)
    const pages = connection.pragma('page_count', { simple: true })
    connection.pragma(`max_page_count = ${pages}`)
    const full = expect.objectContaining({ code: 'ENOSPC', retryable: true })
    expect(() => store.write(0, bytes)).toThrow(full)
    store.flush()
    expect((await flushedBytes(path)).equals(Buffer.alloc(byteLength))).toBe(true)
    connection.pragma('max_page_count = 1000000')
    store.write(0, bytes)
    store.flush()
    expect((await flushedBytes(path)).equals(bytes)).toBe(true)
    await store.close()
  })

  it.each([
    ['SQLITE_FULL', { code: 'ENOSPC', retryable: true }, true],
    ['SQLITE_IOERR_WRITE', { code: 'EIO', retryable: true }, true],
    ['SQLITE_IOERR_FSYNC', { code: 'EIO', retryable: false }, false],
  ])('with-%s', async (code, error, mayRepeat) => {
    const { path, connection, store } = await newStore()
    const bytes = new Random(4).bytes(byteLength)
    store.write(0, bytes)
    const exec = connection.exec.bind(connection)
    connection.exec = (sql) => {
      if (sql === 'COMMIT') throw Object.assign(new Error('forced'), { code })
      return exec(sql)
    }
    expect(() => store.flush()).toThrow(expect.objectContaining({ name: 'StoreError', ...error }))
    connection.exec = exec
    expect((await flushedBytes(path)).equals(Buffer.alloc(byteLength))).toBe(true)
    const seen = Buffer.alloc(byteLength)
    store.read(0, seen)
    expect(seen.equals(bytes)).toBe(true)
    if (mayRepeat) {
      store.flush()
      expect((await flushedBytes(path)).equals(bytes)).toBe(true)
    } else {
      const lost = expect.objectContaining({ code: 'STORE_FLUSH_LOST', retryable: false })
      expect(() => store.flush()).toThrow(lost)
      expect(() => store.flush()).toThrow(lost)
    }
    await store.close()
  })
})
