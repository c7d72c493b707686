// Data sets against a plain buffer: random writes, discards, flushes, closings and reopenings. What
// a reader opened sees is compared with the state of the flush before it.

import { tmpdir } from 'node:os'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DatasetStore } from '../../src/dataset/dataset-store.ts'
import { chunkBytes, openIn, pattern, readAll, readRange } from './data-sets.ts'
import { MemoryBucket } from './memory-bucket.ts'

const byteLength = 5 * chunkBytes + 777
const grain = 512

const range = fc
  .tuple(fc.nat(Math.floor(byteLength / grain)), fc.integer({ min: 1, max: 300 }))
  .map(([start, count]) => {
    const offset = start * grain
    return { offset, byteLength: Math.min(count * grain, byteLength - offset) }
  })

const step = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constant('write' as const), range, fc.nat(250)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('read' as const), range, fc.constant(0)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('discard' as const), range, fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('zeros' as const), range, fc.constant(0)) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('flush' as const), range, fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('reopen' as const), range, fc.constant(0)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('look' as const), range, fc.constant(0)) },
)

describe('a data set', () => {
  it('is-a-plain-buffer-through-writes-flushes-and-reopenings', { timeout: 60_000 }, async () => {
    const runs = fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 40 }),
      fc.constantFrom(4096, 16 * 1024, 64 * 1024, 256 * 1024),
      fc.constantFrom(0, 128 * 1024, 2 ** 30),
      async (steps, chunk, stagingBytes) => {
        const bucket = new MemoryBucket()
        bucket.wantsUnquoted = chunk === 4096
        const options = {
          byteLength,
          chunkBytes: chunk,
          stagingBytes,
          readerGraceMs: 0,
          stagingDirectory: tmpdir(),
        }
        let store = await openIn(bucket, options)
        const model = Buffer.alloc(byteLength)
        let flushed = Buffer.from(model)
        for (const [kind, { offset, byteLength: length }, tag] of steps) {
          const end = offset + length
          switch (kind) {
            case 'write': {
              const bytes = pattern(tag, length, offset)
              bytes.copy(model, offset)
              await store.write(offset, bytes)
              break
            }
            case 'zeros':
              model.fill(0, offset, end)
              await store.write(offset, Buffer.alloc(length))
              break
            case 'discard':
              model.fill(0, offset, end)
              await store.discard(offset, length)
              break
            case 'read':
              expect(
                (await readRange(store, offset, length)).equals(model.subarray(offset, end)),
              ).toBe(true)
              break
            case 'flush':
              await store.flush()
              flushed = Buffer.from(model)
              break
            case 'reopen':
              await store.close()
              flushed.copy(model)
              store = await openIn(bucket, options)
              break
            case 'look':
              await expectState(bucket, flushed)
              break
          }
        }
        expect((await readAll(store)).equals(model)).toBe(true)
        await store.flush()
        await store.close()
        await expectState(bucket, model)
        await expectNoGarbage(bucket, options)
      },
    )
    await fc.assert(runs, { numRuns: Number(process.env.UMAP_TEST_RUNS ?? 60) })
  })
})

async function expectState(bucket: MemoryBucket, expected: Buffer): Promise<void> {
  const reader = await openIn(bucket, {
    access: 'read-only',
    create: false,
    byteLength,
    chunkBytes: undefined as never,
  })
  expect((await readAll(reader)).equals(expected)).toBe(true)
  await reader.close()
}

// A change, so that the list of what is garbage is worked off, and then nothing may be left over.
async function expectNoGarbage(
  bucket: MemoryBucket,
  options: Parameters<typeof openIn>[1],
): Promise<void> {
  const store: DatasetStore = await openIn(bucket, options)
  await store.write(0, pattern(1, grain))
  await store.flush()
  await store.write(0, pattern(2, grain))
  await store.flush()
  const chunks = new Set<number>()
  const all = await readAll(store)
  const size = options?.chunkBytes ?? chunkBytes
  for (let chunk = 0; chunk * size < all.byteLength; chunk++) {
    const part = all.subarray(chunk * size, (chunk + 1) * size)
    if (part.some((byte) => byte !== 0)) {
      chunks.add(chunk)
    }
  }
  await store.close()
  expect(bucket.keys('sets/a/chunks/')).toHaveLength(chunks.size)
  expect(bucket.keys('sets/a/probe/')).toEqual([])
}
