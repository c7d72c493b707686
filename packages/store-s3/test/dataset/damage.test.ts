// Damaged objects: whatever was changed, torn or exchanged in the bucket is an error, never bytes.

import { describe, expect, it } from 'vitest'
import {
  chunkBytes,
  damage,
  expectBytes,
  openIn,
  pattern,
  readAll,
  readRange,
} from './data-sets.ts'
import { MemoryBucket } from './memory-bucket.ts'

const manifest = 'sets/a/manifest'
const chunks = 'sets/a/chunks/'
const big = 4 * chunkBytes

async function writtenBucket(): Promise<MemoryBucket> {
  const bucket = new MemoryBucket()
  const store = await openIn(bucket, { chunkBytes: big, byteLength: 2 * big })
  await store.write(0, pattern(1, 2 * big))
  await store.flush()
  await store.close()
  return bucket
}

function openRead(bucket: MemoryBucket): ReturnType<typeof openIn> {
  return openIn(bucket, { access: 'read-only', byteLength: 2 * big })
}

describe('a damaged data set', () => {
  it('is-noticed-wherever-a-byte-of-a-chunk-changed', async () => {
    const bucket = await writtenBucket()
    const key = bucket.keys(chunks)[0] as string
    const object = bucket.objects.get(key) as Buffer
    for (let at = 0; at < object.byteLength; at += 7919) {
      damage(bucket, key, at)
      const reader = await openRead(bucket)
      await expect(readAll(reader)).rejects.toMatchObject({ code: 'S3_CORRUPT', retryable: false })
      await reader.close()
      bucket.objects.set(key, object)
    }
  })

  it('does-not-touch-the-reader-of-other-blocks', async () => {
    const bucket = await writtenBucket()
    const reader = await openRead(bucket)
    damage(bucket, bucket.keys(chunks)[0] as string, 70_000)
    const target = Buffer.alloc(4096, 7)
    await expect(reader.read(chunkBytes, target)).rejects.toMatchObject({ code: 'S3_CORRUPT' })
    expect(target.every((byte) => byte === 7)).toBe(true)
    expectBytes(await readRange(reader, 0, chunkBytes), pattern(1, chunkBytes))
    await reader.close()
  })

  it('is-noticed-where-one-chunk-lies-in-the-place-of-another', async () => {
    const bucket = await writtenBucket()
    const [first, second] = bucket.keys(chunks) as [string, string]
    bucket.objects.set(first, bucket.objects.get(second) as Buffer)
    const reader = await openRead(bucket)
    await expect(readAll(reader)).rejects.toMatchObject({ code: 'S3_CORRUPT' })
    await reader.close()
  })

  it('is-noticed-where-blocks-were-exchanged', async () => {
    const bucket = await writtenBucket()
    const key = bucket.keys(chunks)[0] as string
    const object = bucket.objects.get(key) as Buffer
    const blocks = [0, 1, 2, 3].map((n) => object.subarray(n * 65_540, (n + 1) * 65_540))
    bucket.objects.set(key, Buffer.concat([1, 0, 2, 3].map((n) => blocks[n] as Buffer)))
    const reader = await openRead(bucket)
    await expect(readAll(reader)).rejects.toMatchObject({ code: 'S3_CORRUPT' })
    await reader.close()
  })

  it('is-noticed-where-a-chunk-is-torn', async () => {
    const bucket = await writtenBucket()
    const key = bucket.keys(chunks)[0] as string
    const object = bucket.objects.get(key) as Buffer
    for (const byteLength of [0, 1, 65_540, object.byteLength - 1]) {
      bucket.objects.set(key, object.subarray(0, byteLength))
      const reader = await openRead(bucket)
      await expect(readAll(reader)).rejects.toMatchObject({ code: 'S3_CORRUPT' })
      await reader.close()
    }
  })

  it('is-noticed-when-it-is-opened-where-the-manifest-is-damaged-or-torn', async () => {
    const bucket = await writtenBucket()
    const object = bucket.objects.get(manifest) as Buffer
    for (let at = 0; at < object.byteLength; at++) {
      damage(bucket, manifest, at)
      await expect(openRead(bucket)).rejects.toMatchObject({ code: 'S3_CORRUPT' })
      bucket.objects.set(manifest, object.subarray(0, at))
      await expect(openRead(bucket)).rejects.toMatchObject({ code: 'S3_CORRUPT' })
      bucket.objects.set(manifest, object)
    }
    await (await openRead(bucket)).close()
  })

  it('survives-bytes-that-were-damaged-on-their-way-only', async () => {
    const bucket = await writtenBucket()
    const key = bucket.keys(chunks)[0] as string
    const object = bucket.objects.get(key) as Buffer
    let gets = 0
    const reader = await openIn(bucket, {
      access: 'read-only',
      byteLength: 2 * big,
      hook: (request) => {
        if (request.key === key) {
          gets += 1
          bucket.objects.set(key, object)
          if (gets === 1) {
            damage(bucket, key)
          }
        }
        return undefined
      },
    })
    expectBytes(await readAll(reader), pattern(1, 2 * big))
    expect(gets).toBe(2)
    await reader.close()
  })
})
