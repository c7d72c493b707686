// Reads, writes, flush, discard and close of an open file, and what happens when they fail.

import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import type { StoreError } from '@umap/store'
import { openStore } from '@umap/store-file'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FileCalls, FileStore } from '../dist/file-store.js'
import { temporaryDirectory } from './temporary-directory.ts'

const newPath = temporaryDirectory()

function makeFile(bytes: Uint8Array): string {
  const path = newPath()
  writeFileSync(path, bytes)
  return path
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made by the test`), { code })
}

/** An open file in memory whose calls a test replaces. */
function fakeFile(bytes: Uint8Array, calls: Partial<FileCalls> = {}): FileCalls {
  return {
    fd: 99,
    async read(target, targetOffset, byteLength, offset) {
      const part = bytes.subarray(offset, offset + byteLength)
      target.set(part, targetOffset)
      return { bytesRead: part.byteLength }
    },
    async write(source, sourceOffset, byteLength, offset) {
      bytes.set(source.subarray(sourceOffset, sourceOffset + byteLength), offset)
      return { bytesWritten: byteLength }
    },
    stat: async () => ({ size: bytes.byteLength }),
    datasync: async () => undefined,
    close: async () => undefined,
    ...calls,
  }
}

function storeOver(file: FileCalls, byteLength: number): FileStore {
  return new FileStore(file, { path: '/fake', byteLength, writable: true, direct: false })
}

async function errorOf(call: Promise<unknown>): Promise<StoreError> {
  return call.then(
    () => {
      throw new Error('it did not reject')
    },
    (reason: StoreError) => reason,
  )
}

/** A promise that a test settles when it wants. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

describe('reading', () => {
  it('fills-the-target-exactly', async () => {
    const path = makeFile(new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7]))
    await using store = await openStore({ path })
    const target = new Uint8Array(8).fill(99)
    await store.read(2, target.subarray(1, 5))
    expect([...target]).toEqual([99, 2, 3, 4, 5, 99, 99, 99])
  })

  it('reads-into-shared-memory', async () => {
    await using store = await openStore({ path: makeFile(new Uint8Array([1, 2, 3])) })
    const target = new Uint8Array(new SharedArrayBuffer(3))
    await store.read(0, target)
    expect([...target]).toEqual([1, 2, 3])
  })

  it('goes-on-after-short-reads', async () => {
    const bytes = Uint8Array.from({ length: 100 }, (_, index) => index)
    const whole = fakeFile(bytes)
    const store = storeOver(
      fakeFile(bytes, {
        read: (target, at, byteLength, offset) =>
          whole.read(target, at, Math.min(byteLength, 7), offset),
      }),
      100,
    )
    const target = new Uint8Array(50)
    await store.read(30, target)
    expect([...target]).toEqual([...bytes.subarray(30, 80)])
  })

  it('rejects-where-the-file-was-cut-and-shows-no-zeros', async () => {
    const path = makeFile(new Uint8Array(8192).fill(1))
    await using store = await openStore({ path })
    const descriptor = openSync(path, 'r+')
    ftruncateSync(descriptor, 5000)
    closeSync(descriptor)
    for (const [offset, byteLength] of [
      [4096, 4096],
      [5000, 1],
      [8191, 1],
      [0, 8192],
    ] as const) {
      const error = await errorOf(store.read(offset, new Uint8Array(byteLength)))
      expect(error).toMatchObject({ code: 'STORE_TRUNCATED', retryable: false })
      expect(error.message).toContain(path)
    }
    const target = new Uint8Array(5000)
    await store.read(0, target)
    expect(target.every((byte) => byte === 1)).toBe(true)
  })

  it('keeps-the-code-of-a-failure', async () => {
    for (const [code, retryable] of [
      ['EIO', true],
      ['ESTALE', false],
      ['EAGAIN', true],
    ] as const) {
      const read = async () => Promise.reject(systemError(code))
      const error = await errorOf(
        storeOver(fakeFile(new Uint8Array(8), { read }), 8).read(0, new Uint8Array(8)),
      )
      expect(error).toMatchObject({ name: 'StoreError', code, retryable })
      expect(error.message).toContain('/fake')
      expect(error.cause).toMatchObject({ code })
    }
  })

  it('stops-between-system-calls-when-aborted', async () => {
    const controller = new AbortController()
    let reads = 0
    const read = async () => {
      reads++
      controller.abort(new Error('enough'))
      return { bytesRead: 1 }
    }
    const store = storeOver(fakeFile(new Uint8Array(8), { read }), 8)
    const { signal } = controller
    await expect(store.read(0, new Uint8Array(8), { signal })).rejects.toThrow('enough')
    expect(reads).toBe(1)
    await expect(store.write(0, new Uint8Array(8), { signal })).rejects.toThrow('enough')
  })

  it('refuses-ranges-outside', async () => {
    await using store = await openStore({ path: makeFile(new Uint8Array(100)) })
    for (const [offset, byteLength] of [
      [-1, 1],
      [100, 1],
      [0, 101],
      [0.5, 1],
    ] as const) {
      const bytes = new Uint8Array(byteLength)
      expect((await errorOf(store.read(offset, bytes))).code).toBe('STORE_RANGE')
      expect((await errorOf(store.write(offset, bytes))).code).toBe('STORE_RANGE')
      expect((await errorOf(store.discard(offset, byteLength))).code).toBe('STORE_RANGE')
    }
  })
})

describe('writing', () => {
  it('goes-on-after-short-writes', async () => {
    const bytes = new Uint8Array(100)
    const whole = fakeFile(bytes)
    const store = storeOver(
      fakeFile(bytes, {
        write: (source, at, byteLength, offset) =>
          whole.write(source, at, Math.min(byteLength, 7), offset),
      }),
      100,
    )
    const source = Uint8Array.from({ length: 50 }, (_, index) => index + 1)
    await store.write(30, source)
    expect([...bytes.subarray(30, 80)]).toEqual([...source])
    expect(bytes[29]).toBe(0)
    expect(bytes[80]).toBe(0)
  })

  // skipped: there is no /dev/full
  it.skipIf(!existsSync('/dev/full'))('rejects-on-a-full-disk-and-may-be-repeated', async () => {
    const full = await open('/dev/full', 'r+')
    const store = storeOver(
      {
        fd: full.fd,
        read: full.read.bind(full),
        write: full.write.bind(full),
        stat: async () => ({ size: 4096 }),
        datasync: () => full.datasync(),
        close: () => full.close(),
      },
      4096,
    )
    const error = await errorOf(store.write(0, new Uint8Array(4096)))
    expect(error).toMatchObject({ name: 'StoreError', code: 'ENOSPC', retryable: true })
    await store.close()
  })

  it('rejects-when-the-system-takes-nothing', async () => {
    const write = async () => ({ bytesWritten: 0 })
    const store = storeOver(fakeFile(new Uint8Array(8), { write }), 8)
    expect(await errorOf(store.write(0, new Uint8Array(8)))).toMatchObject({ code: 'EIO' })
  })

  it('never-makes-a-cut-file-long-again', async () => {
    const path = makeFile(new Uint8Array(8192).fill(1))
    await using store = await openStore({ path })
    const descriptor = openSync(path, 'r+')
    ftruncateSync(descriptor, 0)
    closeSync(descriptor)
    expect((await errorOf(store.write(4096, new Uint8Array(4096)))).code).toBe('STORE_TRUNCATED')
    expect((await errorOf(store.discard(4096, 4096))).code).toBe('STORE_TRUNCATED')
    expect(statSync(path).size).toBe(0)
  })

  it('zeroes-what-is-discarded-and-nothing-else', async () => {
    const bytes = new Uint8Array(3 * 2 ** 20 + 100).fill(1)
    const path = makeFile(bytes)
    await using store = await openStore({ path })
    await store.discard(50, 3 * 2 ** 20)
    bytes.fill(0, 50, 50 + 3 * 2 ** 20)
    expect(Buffer.compare(await readFile(path), bytes)).toBe(0)
  })
})

describe('flush', () => {
  it('calls-fdatasync', async () => {
    let syncs = 0
    const datasync = async () => {
      syncs++
    }
    const store = storeOver(fakeFile(new Uint8Array(8), { datasync }), 8)
    await store.flush()
    expect(syncs).toBe(1)
  })

  it('fails-for-good-after-one-failure', async () => {
    let syncs = 0
    const datasync = async () => {
      if (syncs++ === 0) {
        throw systemError('EIO')
      }
    }
    const store = storeOver(fakeFile(new Uint8Array(8), { datasync }), 8)
    const [first, second] = await Promise.all([errorOf(store.flush()), errorOf(store.flush())])
    expect(first).toMatchObject({ code: 'EIO', retryable: false })
    expect(second).toMatchObject({ code: 'STORE_FLUSH_LOST', retryable: false, cause: first })
    expect((await errorOf(store.flush())).code).toBe('STORE_FLUSH_LOST')
    expect(syncs).toBe(1)
  })
})

describe('close', () => {
  it('waits-for-calls-in-flight-and-is-idempotent', async () => {
    const order: string[] = []
    const { opened, open: letGo } = gate()
    const file = fakeFile(new Uint8Array(8), {
      read: async (_target, _at, byteLength) => {
        await opened
        order.push('read')
        return { bytesRead: byteLength }
      },
      close: async () => {
        order.push('close')
      },
    })
    const store = storeOver(file, 8)
    const reading = store.read(0, new Uint8Array(8))
    const closing = store.close()
    expect(store.close()).toBe(closing)
    const late = errorOf(store.read(0, new Uint8Array(8)))
    letGo()
    await Promise.all([reading, closing])
    expect(order).toEqual(['read', 'close'])
    expect((await late).code).toBe('STORE_CLOSED')
    for (const call of [store.write(0, new Uint8Array(1)), store.flush(), store.discard(0, 1)]) {
      expect((await errorOf(call)).code).toBe('STORE_CLOSED')
    }
    await store[Symbol.asyncDispose]()
    expect(order).toEqual(['read', 'close'])
  })

  it('closes-although-a-call-fails', async () => {
    let closed = false
    const file = fakeFile(new Uint8Array(8), {
      read: async () => Promise.reject(systemError('EIO')),
      close: async () => {
        closed = true
      },
    })
    const store = storeOver(file, 8)
    const reading = errorOf(store.read(0, new Uint8Array(8)))
    await store.close()
    expect(closed).toBe(true)
    expect((await reading).code).toBe('EIO')
  })

  // skipped: descriptors are counted in /proc
  it.skipIf(process.platform !== 'linux')('gives-back-the-descriptor', async () => {
    const path = makeFile(new Uint8Array(10))
    const isOpen = () =>
      readdirSync('/proc/self/fd').some((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`) === path
        } catch {
          return false
        }
      })
    const store = await openStore({ path, direct: true })
    expect(isOpen()).toBe(true)
    await store.close()
    expect(isOpen()).toBe(false)
    await errorOf(openStore({ path, byteLength: 11 }))
    expect(isOpen()).toBe(false)
  })
})

describe('a file store', () => {
  it('equals-a-plain-buffer-whatever-is-done-to-it', async () => {
    const byteLength = 3 * 4096 + 123
    const part = fc.tuple(fc.nat(byteLength), fc.nat(5000)).map(([offset, bytes]) => ({
      offset,
      bytes: Math.min(bytes, byteLength - offset),
    }))
    const step = fc.record({
      kind: fc.constantFrom('write', 'write', 'read', 'discard', 'flush', 'reopen'),
      part,
      seed: fc.nat(250),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const options = { path: newPath(), create: true, byteLength }
        const model = new Uint8Array(byteLength)
        let store = await openStore(options)
        for (const {
          kind,
          part: { offset, bytes },
          seed,
        } of steps) {
          if (kind === 'write') {
            const source = Uint8Array.from({ length: bytes }, (_, index) => (index + seed) % 251)
            await store.write(offset, source)
            model.set(source, offset)
          } else if (kind === 'read') {
            const target = new Uint8Array(bytes).fill(255)
            await store.read(offset, target)
            expect(Buffer.compare(target, model.subarray(offset, offset + bytes))).toBe(0)
          } else if (kind === 'discard') {
            await store.discard(offset, bytes)
            model.fill(0, offset, offset + bytes)
          } else if (kind === 'flush') {
            await store.flush()
          } else {
            await store.close()
            store = await openStore(options)
          }
        }
        await store.close()
        expect(Buffer.compare(await readFile(options.path), model)).toBe(0)
      }),
      { numRuns: 40 },
    )
  })
})
