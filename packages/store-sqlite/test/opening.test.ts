// Which databases and data sets are opened, made, grown and refused, and what is left on disk.

import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStoreRef, type StoreAccess, StoreError } from '@umap/store'
import type { SqliteStoreOptions } from '@umap/store-sqlite'
import { expect, it } from 'vitest'
import { describeSqlite, openStore, query, queryNumber, sqliteStore } from './supported.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const newPath = temporaryDirectory()

async function errorOf(options: SqliteStoreOptions, access?: StoreAccess): Promise<StoreError> {
  const error = await openStore(options, access ? { access } : {}).then(
    (store) => store.close(),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreError)
  return error as StoreError
}

async function made(options: Partial<SqliteStoreOptions> = {}): Promise<string> {
  const file = newPath()
  const store = await openStore({ path: file, create: true, byteLength: 10_000, ...options })
  store.write(0, new Uint8Array(10_000).fill(7))
  store.flush()
  await store.close()
  return file
}

describeSqlite('opening', () => {
  it('makes-a-database-that-says-whose-it-is', async () => {
    const file = await made()
    expect(queryNumber(file, 'PRAGMA application_id')).toBe(0x554d4150)
    expect(queryNumber(file, 'PRAGMA user_version')).toBe(1)
    expect(query(file, (db) => db.pragma('journal_mode', { simple: true }))).toBe('wal')
    expect(queryNumber(file, 'SELECT byte_length FROM umap_data_set')).toBe(10_000)
    expect(queryNumber(file, 'SELECT page_bytes FROM umap_data_set')).toBe(65536)
    expect(queryNumber(file, 'SELECT length(data) FROM umap_bytes')).toBe(10_000)
    expect(existsSync(`${file}-wal`)).toBe(false)
    expect(statSync(`${file}-writer-1`).size).toBe(0)
  })

  it('makes-files-with-the-permissions-that-the-umask-leaves', async () => {
    const before = process.umask(0o027)
    try {
      const file = newPath()
      await using store = await openStore({ path: file, create: true, byteLength: 10_000 })
      store.write(0, new Uint8Array(10).fill(1))
      for (const suffix of ['', '-wal', '-shm', '-writer-1']) {
        expect(statSync(file + suffix).mode & 0o777, suffix).toBe(0o640)
      }
    } finally {
      process.umask(before)
    }
  })

  it.each(['ü?#%20 x.db', 'file:a.db', ':memory:', '日本', "it's"])(
    'takes-%j-as-a-name',
    async (name) => {
      const folder = newPath()
      mkdirSync(folder)
      const file = path.join(folder, name)
      const ref = sqliteStore({ path: file, create: true, byteLength: 5 })
      const store = await openStoreRef(structuredClone(ref), { access: 'read-write' })
      await store.write?.(0, Uint8Array.of(1, 2, 3, 4, 5), { signal: AbortSignal.abort() })
      await store.flush?.()
      await store.close()
      expect(readFileSync(file).subarray(0, 15).toString()).toBe('SQLite format 3')
      await using again = await openStore({ path: file }, { access: 'read-only' })
      const bytes = new Uint8Array(5)
      again.read(0, bytes)
      expect([...bytes]).toEqual([1, 2, 3, 4, 5])
    },
  )

  it('refuses-what-is-not-there-and-makes-nothing', async () => {
    const file = newPath()
    expect(await errorOf({ path: file })).toMatchObject({ code: 'ENOENT', retryable: false })
    expect(await errorOf({ path: file, create: true })).toMatchObject({ code: 'STORE_SIZE' })
    expect(await errorOf({ path: `${file}/x`, create: true, byteLength: 5 })).toMatchObject({
      code: 'ENOENT',
    })
    expect(existsSync(file)).toBe(false)
    const there = await made()
    const missing = await errorOf({ path: there, name: 'other' })
    expect(missing.code).toBe('SQLITE_NO_DATA_SET')
    expect(missing.message).toMatch(/no data set "other".*it has "default"/)
    expect((await errorOf({ path: `${there}/x` })).code).toBe('ENOENT')
  })

  it('refuses-what-is-no-database-and-leaves-it-as-it-was', async () => {
    const file = newPath()
    const text = 'not a database, though long enough to be one. '.repeat(50)
    writeFileSync(file, text)
    for (const create of [false, true]) {
      const error = await errorOf({ path: file, create, byteLength: 5 })
      expect(error).toMatchObject({ code: 'SQLITE_NOTADB', retryable: false })
      expect(error.message).toContain(`${file} is no SQLite database`)
    }
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect((await errorOf({ path: path.dirname(file) })).code).toBe('STORE_UNSUPPORTED')
  })

  it('refuses-databases-of-others-and-of-newer-releases', async () => {
    const foreign = newPath()
    query(foreign, (db) => db.exec('CREATE TABLE customer (id INTEGER PRIMARY KEY)'))
    const before = readFileSync(foreign)
    const options = { path: foreign, create: true, byteLength: 5 }
    expect(await errorOf(options)).toMatchObject({
      code: 'STORE_UNSUPPORTED',
      message: expect.stringContaining('database of something else'),
    })
    expect(readFileSync(foreign).equals(before)).toBe(true)

    const newer = await made()
    query(newer, (db) => db.pragma('user_version = 2'))
    for (const access of ['read-only', 'read-write'] as const) {
      expect(await errorOf({ path: newer }, access)).toMatchObject({
        code: 'STORE_UNSUPPORTED',
        message: expect.stringMatching(/version 2 .*understands 1/),
      })
    }
  })

  it('takes-an-empty-file-as-a-database-without-data-sets', async () => {
    const file = newPath()
    writeFileSync(file, '')
    expect((await errorOf({ path: file })).code).toBe('SQLITE_NO_DATA_SET')
    await using store = await openStore({ path: file, create: true, byteLength: 5 })
    expect(store.byteLength).toBe(5)
  })

  it('grows-with-create-and-never-cuts', async () => {
    const file = await made()
    for (const [byteLength, create] of [
      [9999, true],
      [9999, false],
      [10_001, false],
    ] as const) {
      expect(await errorOf({ path: file, byteLength, create })).toMatchObject({
        code: 'STORE_SIZE',
        message: expect.stringContaining(`10000 bytes, not byteLength ${byteLength}`),
      })
    }
    await using grown = await openStore({ path: file, byteLength: 200_000, create: true })
    const bytes = Buffer.alloc(200_000, 9)
    grown.read(0, bytes)
    expect(bytes.subarray(0, 10_000).equals(Buffer.alloc(10_000, 7))).toBe(true)
    expect(bytes.subarray(10_000).equals(Buffer.alloc(190_000))).toBe(true)
    grown.write(9_999, Uint8Array.of(1, 2))
    grown.read(0, bytes)
    expect([...bytes.subarray(9_998, 10_003)]).toEqual([7, 1, 2, 0, 0])
  })

  it('a-corrupt-header-is-an-error', async () => {
    const file = await made()
    const bytes = readFileSync(file)
    bytes.fill(0xff, 16384, 3 * 16384)
    writeFileSync(file, bytes)
    const error = await openStore({ path: file }).then(
      (store) => {
        try {
          store.read(0, new Uint8Array(10_000))
        } catch (reason) {
          return reason
        } finally {
          void store.close()
        }
        return undefined
      },
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({ code: 'SQLITE_CORRUPT', retryable: false })
  })
})

// Only another user can show what a lack of permission does, and only root can become one.
describeSqlite('without permission to write', () => {
  const isRoot = process.getuid?.() === 0
  const nobody = 65534
  const program = fileURLToPath(new URL('./programs/open-as.mjs', import.meta.url))

  function openAs(file: string, access: string): Record<string, unknown> {
    // The packages may lie where nobody else can read: the module is loaded before the user changes.
    const args = [program, file, access, String(nobody)]
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  }

  function sealed(file: string): string {
    chmodSync(path.dirname(path.dirname(file)), 0o755)
    chmodSync(path.dirname(file), 0o555)
    chmodSync(file, 0o444)
    return file
  }

  async function inFolder(): Promise<string> {
    const folder = newPath()
    mkdirSync(folder)
    const file = path.join(folder, 'data.db')
    const store = await openStore({ path: file, create: true, byteLength: 10_000 })
    store.write(0, new Uint8Array(10_000).fill(7))
    store.flush()
    await store.close()
    return file
  }

  // skipped: only root can become another user
  it.skipIf(!isRoot)('a-log-that-needs-its-index-is-refused-in-clear-words', async () => {
    const file = sealed(await inFolder())
    expect(openAs(file, 'read-only')).toMatchObject({
      code: 'EACCES',
      message: expect.stringMatching(/-wal and -shm files.*journal_mode = DELETE/),
    })
    expect(openAs(file, 'read-write')).toMatchObject({ code: 'EACCES' })
  })

  // skipped: only root can become another user
  it.skipIf(!isRoot)('a-database-without-a-log-is-read', async () => {
    const file = await inFolder()
    query(file, (db) => db.pragma('journal_mode = DELETE'))
    sealed(file)
    for (const access of ['read-only', '']) {
      expect(openAs(file, access)).toMatchObject({ writable: false, first: 7 })
    }
  })

  // skipped: only root can become another user
  it.skipIf(!isRoot)('a-database-with-a-writer-is-read', async () => {
    const file = await inFolder()
    await using writer = await openStore({ path: file })
    writer.write(0, new Uint8Array(10_000).fill(8))
    writer.flush()
    sealed(file)
    expect(openAs(file, 'read-only')).toMatchObject({ writable: false, first: 8 })
  })
})
