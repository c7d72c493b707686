// A full disk: the error comes where it can be acted upon, the old state stays, and once there is
// room the same flush succeeds. On a small tmpfs where the tests run as root.

import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { umap } from '@umap/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Random } from './random.mjs'
import { integrity, isSupported, openStore, sqliteStore } from './supported.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const newPath = temporaryDirectory()
const folder = isSupported ? newPath() : ''
const file = path.join(folder, 'data.db')
const ballast = path.join(folder, 'ballast')
const byteLength = 12 * 2 ** 20
const full = { code: 'ENOSPC', retryable: true }

function mount(): boolean {
  mkdirSync(folder)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'umap-test', folder], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

const isMounted = isSupported && process.platform === 'linux' && process.getuid?.() === 0 && mount()
if (isMounted) {
  afterAll(() => {
    execFileSync('umount', [folder])
  })
} else {
  console.log('no tmpfs of 40 MiB could be mounted (root is needed): disk-full is not tested')
}

function fillDisk(): void {
  const chunk = Buffer.alloc(2 ** 20)
  for (let size = chunk.byteLength; size >= 4096; size /= 2) {
    try {
      for (;;) writeFileSync(ballast, chunk.subarray(0, size), { flag: 'a' })
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' })
    }
  }
}

// skipped: without a file system that can be filled there is nothing to see
describe.skipIf(!isMounted)('a full disk', () => {
  const before = new Random(1).bytes(byteLength)
  const after = new Random(2).bytes(byteLength)

  beforeAll(async () => {
    const store = await openStore({ path: file, create: true, byteLength })
    store.write(0, before)
    store.flush()
    await store.close()
  })

  async function flushedBytes(): Promise<Buffer> {
    await using reader = await openStore({ path: file }, { access: 'read-only' })
    const bytes = Buffer.alloc(byteLength)
    reader.read(0, bytes)
    return bytes
  }

  it('refuses-a-write-whole-and-takes-it-when-there-is-room', async () => {
    const store = await openStore({ path: file })
    fillDisk()
    expect(() => store.write(0, after)).toThrow(expect.objectContaining(full))
    const seen = Buffer.alloc(byteLength)
    store.read(0, seen)
    expect(seen.equals(before)).toBe(true)
    rmSync(ballast)
    store.write(0, after)
    store.read(0, seen)
    expect(seen.equals(after)).toBe(true)
    await store.close()
    expect((await flushedBytes()).equals(before)).toBe(true)
  })

  it('refuses-a-flush-and-takes-it-when-there-is-room', async () => {
    const region = await umap({
      store: sqliteStore({ path: file }),
      access: 'read-write',
      buffer: { bytes: 2 ** 21 },
    })
    region.on('error', () => undefined)
    fillDisk()
    // As much as stays in memory: more could not be evicted, and its writer would wait for ever.
    const part = region.view(Uint8Array, 0, 2 ** 20)
    part.set(after.subarray(0, part.byteLength))
    await expect(region.flush()).rejects.toMatchObject({ cause: expect.objectContaining(full) })
    expect((await flushedBytes()).equals(before)).toBe(true)
    rmSync(ballast)
    await region.flush()
    const expected = Buffer.concat([after.subarray(0, 2 ** 20), before.subarray(2 ** 20)])
    expect((await flushedBytes()).equals(expected)).toBe(true)
    await region.close()
    expect(integrity(file)).toBe('ok')
  })
})
