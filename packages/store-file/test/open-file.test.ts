// Which files are opened, made, grown and refused.

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { openStoreRef, StoreError } from '@umap/store'
import { type FileStoreOptions, fileStore, openStore } from '@umap/store-file'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from './temporary-directory.ts'

const newPath = temporaryDirectory()
// A file that even root may not write, of 4096 bytes by its own word and with fewer to read.
const kernelFile = '/sys/kernel/uevent_seqnum'

function makeFile(bytes: number, byte = 1): string {
  const path = newPath()
  writeFileSync(path, new Uint8Array(bytes).fill(byte))
  return path
}

async function errorOf(options: FileStoreOptions, access?: 'read-only' | 'read-write') {
  const error = await openStore(options, access ? { access } : {}).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreError)
  expect((error as StoreError).message).toContain(options.path)
  return error as StoreError
}

describe('opening a file', () => {
  it('takes-its-size-and-offers-its-descriptor', async () => {
    const path = makeFile(12345)
    await using store = await openStore({ path })
    expect(store.byteLength).toBe(12345)
    expect(store.capabilities).toMatchObject({ writable: true, atomicFlush: false })
    const { nativeFd } = store.capabilities
    if (process.platform === 'win32') {
      expect(nativeFd).toBeUndefined()
    } else {
      expect(fstatSync(nativeFd ?? -1).ino).toBe(statSync(path).ino)
    }
  })

  it('opens-from-a-reference-and-keeps-the-contract', async () => {
    const ref = structuredClone(fileStore({ path: makeFile(10) }))
    const store = await openStoreRef(ref, { access: 'read-only' })
    expect(store.byteLength).toBe(10)
    await store.close()
  })

  it('opens-by-package-name', async () => {
    const module = { module: '@umap/store-file', options: { path: makeFile(3) } }
    const store = await openStoreRef({ ...module, parent: import.meta.url })
    expect(store.byteLength).toBe(3)
    await store.close()
  })

  it('opens-an-empty-file', async () => {
    await using store = await openStore({ path: makeFile(0), byteLength: 0 })
    expect(store.byteLength).toBe(0)
    await store.read(0, new Uint8Array(0))
    await store.write(0, new Uint8Array(0))
    await store.flush()
  })

  it('is-not-writable-when-opened-read-only', async () => {
    await using store = await openStore({ path: makeFile(10) }, { access: 'read-only' })
    expect(store.capabilities.writable).toBe(false)
    const code = expect.objectContaining({ code: 'STORE_READ_ONLY' })
    await expect(store.write(0, new Uint8Array(1))).rejects.toThrow(code)
    await expect(store.discard(0, 1)).rejects.toThrow(code)
    await store.flush()
    if (process.platform === 'linux') {
      const info = readFileSync(`/proc/self/fdinfo/${store.capabilities.nativeFd}`, 'utf8')
      const flags = Number.parseInt(/flags:\s*(\d+)/.exec(info)?.[1] ?? '', 8)
      expect(flags & (constants.O_WRONLY | constants.O_RDWR)).toBe(0)
    }
  })

  // skipped: root may write every file
  it.skipIf(process.getuid?.() === 0)('opens-a-write-protected-file-for-reading', async () => {
    const path = makeFile(10)
    chmodSync(path, 0o444)
    await using store = await openStore({ path })
    expect(store.capabilities.writable).toBe(false)
    expect(await errorOf({ path }, 'read-write')).toMatchObject({ code: 'EACCES' })
    chmodSync(path, 0o000)
    expect(await errorOf({ path })).toMatchObject({ code: 'EACCES', retryable: false })
  })

  // skipped: this kernel has no such file
  it.skipIf(!existsSync(kernelFile))('opens-what-even-root-may-not-write', async () => {
    await using store = await openStore({ path: kernelFile })
    expect(store.capabilities.writable).toBe(false)
    const error = await errorOf({ path: kernelFile }, 'read-write')
    expect(['EACCES', 'EPERM', 'EROFS']).toContain(error.code)
    const reading = store.read(0, new Uint8Array(store.byteLength))
    await expect(reading).rejects.toThrow(expect.objectContaining({ code: 'STORE_TRUNCATED' }))
  })

  it('names-a-file-that-is-not-there', async () => {
    const path = newPath()
    expect(await errorOf({ path })).toMatchObject({ code: 'ENOENT', retryable: false })
    expect(existsSync(path)).toBe(false)
    const inside = `${makeFile(1)}/x`
    expect((await errorOf({ path: inside, create: true, byteLength: 1 })).code).toBe('ENOTDIR')
    const noParent = `${newPath()}/x`
    expect((await errorOf({ path: noParent, create: true, byteLength: 1 })).code).toBe('ENOENT')
  })

  it('refuses-directories-pipes-and-devices', async () => {
    const directory = newPath()
    mkdirSync(directory)
    const wrong = [directory]
    if (process.platform === 'linux') {
      const pipe = newPath()
      execFileSync('mkfifo', [pipe])
      wrong.push(pipe, '/dev/null')
    }
    for (const path of wrong) {
      for (const access of ['read-only', 'read-write'] as const) {
        const error = await errorOf({ path, create: true, byteLength: 1 }, access)
        expect(error).toMatchObject({ code: 'STORE_UNSUPPORTED', retryable: false })
      }
    }
    expect((await errorOf({ path: directory })).message).toContain('a directory')
  })
})

describe('making and growing a file', () => {
  it('makes-a-sparse-file-of-the-size-asked-for', async () => {
    const path = newPath()
    await using store = await openStore({ path, create: true, byteLength: 2 ** 32 + 5 })
    expect(store.byteLength).toBe(2 ** 32 + 5)
    expect(statSync(path).size).toBe(2 ** 32 + 5)
    expect(statSync(path).blocks * 512).toBeLessThan(2 ** 20)
    const target = new Uint8Array(5).fill(1)
    await store.read(2 ** 32, target)
    expect([...target]).toEqual([0, 0, 0, 0, 0])
  })

  it('makes-a-file-for-a-reader-too', async () => {
    const path = newPath()
    const options = { path, create: true, byteLength: 100 }
    await using store = await openStore(options, { access: 'read-only' })
    expect(store.byteLength).toBe(100)
    expect(store.capabilities.writable).toBe(false)
  })

  it('needs-a-size-to-make-a-file', async () => {
    const path = newPath()
    expect((await errorOf({ path, create: true })).code).toBe('STORE_SIZE')
    expect(existsSync(path)).toBe(false)
  })

  it('opens-an-existing-file-as-it-is-when-create-gives-no-size', async () => {
    await using store = await openStore({ path: makeFile(10), create: true })
    expect(store.byteLength).toBe(10)
  })

  it('grows-a-smaller-file-and-keeps-its-bytes', async () => {
    const path = makeFile(10, 7)
    await using store = await openStore({ path, create: true, byteLength: 20 })
    expect(store.byteLength).toBe(20)
    expect([...readFileSync(path)]).toEqual([...Array(10).fill(7), ...Array(10).fill(0)])
  })

  it('never-cuts-a-file', async () => {
    const path = makeFile(20, 7)
    for (const create of [true, false]) {
      const error = await errorOf({ path, create, byteLength: 10 })
      expect(error.code).toBe('STORE_SIZE')
      expect(error.message).toMatch(/20 bytes.*10.*never cuts/)
    }
    expect(readFileSync(path).length).toBe(20)
  })

  it('grows-nothing-without-create', async () => {
    const path = makeFile(10)
    const error = await errorOf({ path, byteLength: 20 })
    expect(error.code).toBe('STORE_SIZE')
    expect(error.message).toContain('create: true')
    expect(statSync(path).size).toBe(10)
  })

  it('gives-everybody-who-makes-it-at-once-the-same-file', async () => {
    const options = { path: newPath(), create: true, byteLength: 1000 }
    const stores = await Promise.all(Array.from({ length: 8 }, () => openStore(options)))
    await stores[0]?.write(500, new Uint8Array([42]))
    for (const store of stores) {
      const target = new Uint8Array(1)
      await store.read(500, target)
      expect(target[0]).toBe(42)
      await store.close()
    }
  })

  it('leaves-nothing-behind-where-the-size-cannot-be-had', async (context) => {
    const path = newPath()
    const options = { path, create: true, byteLength: Number.MAX_SAFE_INTEGER }
    const outcome: unknown = await openStore(options).then(
      (store) => store.close(),
      (reason: unknown) => reason,
    )
    if (!(outcome instanceof StoreError)) {
      context.skip('this file system has no limit that can be reached')
    }
    expect(outcome).toMatchObject({ retryable: false })
    expect(existsSync(path)).toBe(false)
  })

  it('does-not-follow-a-link-that-leads-nowhere', async () => {
    const path = newPath()
    const target = newPath()
    symlinkSync(target, path)
    expect((await errorOf({ path, create: true, byteLength: 1 })).code).toBe('ENOENT')
    expect(existsSync(target)).toBe(false)
  })
})

describe('direct', () => {
  it('is-offered-where-the-file-system-can-do-it', async () => {
    const path = makeFile(5000)
    let possible = false
    if (process.platform === 'linux') {
      try {
        closeSync(openSync(path, constants.O_RDONLY | constants.O_DIRECT))
        possible = true
      } catch {}
    }
    await using store = await openStore({ path, direct: true })
    expect(store.capabilities.nativeDirect).toBe(possible ? true : undefined)
    await using plain = await openStore({ path })
    expect(plain.capabilities.nativeDirect).toBeUndefined()
  })

  // skipped: only Linux has direct I/O
  it.skipIf(process.platform !== 'linux')('is-not-offered-where-it-cannot', async () => {
    // proc has regular files, and no O_DIRECT.
    const options = { path: '/proc/self/comm', direct: true }
    await using store = await openStore(options, { access: 'read-only' })
    expect(store.capabilities.nativeDirect).toBeUndefined()
  })
})
