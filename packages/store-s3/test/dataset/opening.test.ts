// What opening a data set asks of the server and of its options, and what it says when that is not
// to be had.

import { StoreError } from '@umap/store'
import { describe, expect, it } from 'vitest'
import { shapeOf } from '../../src/dataset/options.ts'
import { chunkBytes, expectBytes, openIn, pattern, readRange } from './data-sets.ts'
import { MemoryBucket } from './memory-bucket.ts'

const chunks = 'sets/a/chunks/'

describe('opening a data set', () => {
  it('refuses-to-write-where-the-server-ignores-conditions', async () => {
    const bucket = new MemoryBucket()
    await (await openIn(bucket)).close()
    bucket.ignoresConditions = true
    const opening = openIn(bucket)
    await expect(opening).rejects.toMatchObject({ code: 'STORE_UNSUPPORTED', retryable: false })
    await expect(opening).rejects.toThrow(/ignores If-None-Match.*conditional writes/)
    expect(bucket.keys()).toEqual(['sets/a/manifest'])
    const reader = await openIn(bucket, { access: 'read-only' })
    expect(reader.capabilities).toMatchObject({ writable: false, atomicFlush: true })
    await reader.close()
  })

  it('finds-out-that-etags-are-wanted-without-quotes', async () => {
    const bucket = new MemoryBucket()
    bucket.wantsUnquoted = true
    const writer = await openIn(bucket)
    await writer.write(0, pattern(1, 100))
    await writer.flush()
    await writer.close()
    const reader = await openIn(bucket, { access: 'read-only' })
    expectBytes(await readRange(reader, 0, 100), pattern(1, 100))
    await reader.close()
  })

  it('leaves-nothing-of-its-probe-behind-and-clears-old-ones-away', async () => {
    const bucket = new MemoryBucket()
    const old = `sets/a/probe/${(Date.now() - 2 * 3_600_000).toString(36)}-0123`
    const fresh = `sets/a/probe/${Date.now().toString(36)}-0123`
    bucket.objects.set(old, Buffer.from('1'))
    bucket.objects.set(fresh, Buffer.from('1'))
    await (await openIn(bucket)).close()
    expect(bucket.keys()).toEqual(['sets/a/manifest', fresh])
  })

  it('only-gets-objects-when-it-is-read-only', async () => {
    const bucket = new MemoryBucket()
    const writer = await openIn(bucket)
    await writer.write(0, pattern(1, chunkBytes))
    await writer.flush()
    await writer.close()
    const reader = await openIn(bucket, {
      access: 'read-only',
      hook: ({ op }) => {
        if (op !== 'get') {
          throw new StoreError('not permitted', { code: 'S3_ACCESS_DENIED' })
        }
        return undefined
      },
    })
    expectBytes(await readRange(reader, 0, chunkBytes), pattern(1, chunkBytes))
    await expect(reader.write(0, pattern(1, 10))).rejects.toMatchObject({ code: 'STORE_READ_ONLY' })
    await reader.flush()
    await reader.close()
  })

  it('fails-for-writing-where-writing-is-not-permitted', async () => {
    const bucket = new MemoryBucket()
    await (await openIn(bucket)).close()
    const hook = ({ op }: { op: string }): undefined => {
      if (op === 'put') {
        throw new StoreError('not permitted', { code: 'S3_ACCESS_DENIED' })
      }
    }
    await expect(openIn(bucket, { hook })).rejects.toMatchObject({ code: 'S3_ACCESS_DENIED' })
  })

  it('makes-one-only-where-that-is-asked-for', async () => {
    const bucket = new MemoryBucket()
    await expect(openIn(bucket, { create: false })).rejects.toMatchObject({ code: 'S3_NOT_FOUND' })
    await expect(openIn(bucket, { access: 'read-only' })).rejects.toMatchObject({
      code: 'S3_NOT_FOUND',
    })
    expect(bucket.keys()).toEqual([])
  })

  it('lets-two-that-make-it-at-once-share-it', async () => {
    const bucket = new MemoryBucket()
    const stores = await Promise.all([openIn(bucket), openIn(bucket), openIn(bucket)])
    expect(new Set(stores.map(({ version }) => version)).size).toBe(1)
    await Promise.all(stores.map((store) => store.close()))
  })

  it('keeps-the-sizes-that-it-was-made-with', async () => {
    const bucket = new MemoryBucket()
    await (await openIn(bucket)).close()
    const other = await openIn(bucket, { chunkBytes: 4096 })
    expect(other.capabilities.callBytesMax).toBe(chunkBytes)
    await other.close()
    await expect(openIn(bucket, { create: false, chunkBytes: 4096 })).rejects.toThrow(
      /chunks of 65536 bytes, chunkBytes says 4096/,
    )
    await expect(openIn(bucket, { byteLength: 1 })).rejects.toMatchObject({ code: 'STORE_SIZE' })
  })

  it('opens-an-empty-data-set', async () => {
    const bucket = new MemoryBucket()
    const store = await openIn(bucket, { byteLength: 0 })
    await store.flush()
    expect(await store.read(0, new Uint8Array(0))).toBe('hole')
    await store.close()
  })

  it('takes-larger-chunks-for-larger-data-sets', () => {
    expect(shapeOf(2 ** 40).chunkBytes).toBe(4 * 2 ** 20)
    expect(shapeOf(2 ** 40 + 1).chunkBytes).toBe(8 * 2 ** 20)
    expect(() => shapeOf(2 ** 40, 4096)).toThrow(/chunkBytes 4096 is too small/)
  })

  it('stores-no-chunk-of-zeros', async () => {
    const bucket = new MemoryBucket()
    const store = await openIn(bucket)
    await store.write(0, Buffer.alloc(2 * chunkBytes))
    await store.write(2 * chunkBytes, pattern(1, 10))
    await store.flush()
    expect(bucket.keys(chunks)).toHaveLength(1)
    expect(await store.read(0, Buffer.alloc(2 * chunkBytes))).toBe('hole')
    await store.write(2 * chunkBytes, Buffer.alloc(10))
    await store.flush()
    expect(await store.read(2 * chunkBytes, Buffer.alloc(100))).toBe('hole')
    await store.close()
  })
})
