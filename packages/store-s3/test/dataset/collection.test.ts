// What is collected, what is not, and what readers meet whose state was collected.

import { describe, expect, it } from 'vitest'
import { chunkBytes, expectBytes, openIn, pattern, readAll, readRange } from './data-sets.ts'
import { lostAnswer, MemoryBucket } from './memory-bucket.ts'

const one = pattern(1, chunkBytes)
const two = pattern(2, chunkBytes)
const chunks = 'sets/a/chunks/'

describe('the collection of garbage', () => {
  it('spares-chunks-of-earlier-states-for-the-readers-grace', async () => {
    const bucket = new MemoryBucket()
    const writer = await openIn(bucket, { readerGraceMs: 3_600_000 })
    for (const bytes of [one, two, one]) {
      await writer.write(0, bytes)
      await writer.flush()
    }
    await writer.close()
    expect(bucket.keys(chunks)).toHaveLength(3)
    const later = await openIn(bucket, { readerGraceMs: 0 })
    await later.write(chunkBytes, one)
    await later.flush()
    await later.close()
    expect(bucket.keys(chunks)).toHaveLength(2)
  })

  it('says-that-a-version-is-gone-rather-than-showing-zeros', async () => {
    const bucket = new MemoryBucket()
    const writer = await openIn(bucket, { readerGraceMs: 0 })
    await writer.write(0, one)
    await writer.write(chunkBytes, one)
    await writer.flush()
    const reader = await openIn(bucket, { access: 'read-only' })
    await writer.write(0, two)
    await writer.flush()
    await writer.close()
    const target = Buffer.alloc(chunkBytes, 7)
    await expect(reader.read(0, target)).rejects.toMatchObject({
      code: 'S3_VERSION_GONE',
      retryable: false,
    })
    expect(target.every((byte) => byte === 7)).toBe(true)
    // What did not change is still there.
    expectBytes(await readRange(reader, chunkBytes, chunkBytes), one)
    await reader.close()
  })

  it('calls-a-chunk-that-is-missing-from-the-current-state-damage', async () => {
    const bucket = new MemoryBucket()
    const writer = await openIn(bucket)
    await writer.write(0, one)
    await writer.flush()
    for (const key of bucket.keys(chunks)) {
      bucket.objects.delete(key)
    }
    await expect(readAll(writer)).rejects.toMatchObject({ code: 'S3_CORRUPT' })
    await writer.close()
  })

  it('reads-a-hole-where-a-chunk-was-discarded-and-collected-meanwhile', async () => {
    const bucket = new MemoryBucket()
    let act: (() => Promise<void>) | undefined
    const writer = await openIn(bucket, {
      readerGraceMs: 0,
      hook: async ({ op, key }) => {
        const acting = act
        if (op === 'get' && key.startsWith(chunks)) {
          act = undefined
          await acting?.()
        }
        return undefined
      },
    })
    await writer.write(0, one)
    await writer.flush()
    act = async () => {
      await writer.discard(0, chunkBytes)
      await writer.flush()
      while (bucket.keys(chunks).length > 0) {
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    expectBytes(await readRange(writer, 0, chunkBytes), Buffer.alloc(chunkBytes))
    expect(act).toBeUndefined()
    await writer.close()
  })

  it('finds-what-a-killed-writer-left-behind', async () => {
    const bucket = new MemoryBucket()
    const first = await openIn(bucket)
    await first.write(0, one)
    await first.flush()
    await first.close()
    const dying = await openIn(bucket, {
      hook: ({ op, key }) => {
        if (op === 'put' && key.endsWith('/manifest')) {
          throw lostAnswer()
        }
        return undefined
      },
    })
    await dying.write(0, two)
    await dying.write(chunkBytes, two)
    await expect(dying.flush()).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(bucket.keys(chunks)).toHaveLength(3)
    // It never closes. The next writer's first flush retires what it finds, its second one deletes.
    const next = await openIn(bucket, { readerGraceMs: 0 })
    await next.write(2 * chunkBytes, one)
    await next.flush()
    await next.write(3 * chunkBytes, one)
    await next.flush()
    await next.close()
    expect(bucket.keys(chunks)).toHaveLength(3)
    expectBytes(
      await readAll(await openIn(bucket, { access: 'read-only' })),
      Buffer.concat([one, Buffer.alloc(chunkBytes), one, one, Buffer.alloc(1000)]),
    )
  })

  it('never-takes-a-chunk-of-a-writer-that-can-still-win', async () => {
    const bucket = new MemoryBucket()
    const first = await openIn(bucket)
    await first.write(0, one)
    await first.flush()
    await first.close()
    // While the third one collects, the second one opens the new state and uploads, not yet flushed.
    let second: Awaited<ReturnType<typeof openIn>> | undefined
    const third = await openIn(bucket, {
      readerGraceMs: 0,
      hook: async ({ op, key }) => {
        if (op === 'delete' && key.startsWith(chunks) && second === undefined) {
          second = await openIn(bucket, { stagingBytes: 0 })
          await second.write(2 * chunkBytes, two)
        }
        return undefined
      },
    })
    await third.write(0, two)
    await third.flush()
    await third.close()
    expect(second).toBeDefined()
    await second?.flush()
    await second?.close()
    const reader = await openIn(bucket, { access: 'read-only' })
    expectBytes(await readRange(reader, 0, chunkBytes), two)
    expectBytes(await readRange(reader, 2 * chunkBytes, chunkBytes), two)
    await reader.close()
  })

  it('deletes-what-was-never-flushed-when-it-is-closed', async () => {
    const bucket = new MemoryBucket()
    const writer = await openIn(bucket, { stagingBytes: 0 })
    await writer.write(0, one)
    await writer.write(chunkBytes, two)
    expect(bucket.keys(chunks)).toHaveLength(2)
    await writer.close()
    expect(bucket.keys(chunks)).toEqual([])
  })

  it('flushes-though-nothing-may-be-listed-or-deleted', async () => {
    const bucket = new MemoryBucket()
    const writer = await openIn(bucket, {
      readerGraceMs: 0,
      hook: ({ op }) => {
        if (op === 'list' || op === 'delete') {
          throw lostAnswer()
        }
        return undefined
      },
    })
    await writer.write(0, one)
    await writer.flush()
    await writer.write(0, two)
    await writer.flush()
    await writer.close()
    expect(bucket.keys(chunks)).toHaveLength(2)
    const next = await openIn(bucket, { readerGraceMs: 0 })
    await next.write(0, one)
    await next.flush()
    await next.close()
    expect(bucket.keys(chunks)).toHaveLength(1)
  })
})
