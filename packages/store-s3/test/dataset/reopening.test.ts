// A store host that dies takes the store's memory along: the store is opened again in the same
// session, beside the remains of the first opening, and goes on from where that was.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { chunkBytes, expectBytes, openIn, pattern, readAll, readRange } from './data-sets.ts'
import { lostAnswer, MemoryBucket } from './memory-bucket.ts'

const one = pattern(1, chunkBytes)
const two = pattern(2, chunkBytes)

describe('a data set whose host died', () => {
  let stagingDirectory = ''
  beforeEach(() => {
    stagingDirectory = mkdtempSync(path.join(tmpdir(), 'umap-test-'))
  })
  afterEach(() => rmSync(stagingDirectory, { recursive: true, force: true }))

  // An opening that is simply dropped is what a dead host leaves.
  const openAgain = (bucket: MemoryBucket, version: string, more = {}) =>
    openIn(bucket, { stagingDirectory, session: 's', version, readerGraceMs: 0, ...more })
  const openFirst = (bucket: MemoryBucket, more = {}) =>
    openIn(bucket, { stagingDirectory, session: 's', readerGraceMs: 0, ...more })

  it('has-what-was-written-and-not-flushed', async () => {
    const bucket = new MemoryBucket()
    const first = await openFirst(bucket)
    await first.write(0, one)
    await first.flush()
    await first.write(100, two.subarray(0, 5000))
    await first.write(chunkBytes, two)
    await first.discard(0, 50)
    const expected = await readAll(first)
    const second = await openAgain(bucket, first.version)
    expectBytes(await readAll(second), expected)
    await second.flush()
    expectBytes(await readAll(await openIn(bucket, { access: 'read-only' })), expected)
    await second.close()
    expect(readdirSync(stagingDirectory)).toEqual([])
  })

  it('has-what-was-uploaded-and-not-flushed', async () => {
    const bucket = new MemoryBucket()
    const first = await openFirst(bucket, { stagingBytes: 0 })
    await first.write(0, one)
    await first.write(chunkBytes, two)
    expect(bucket.keys('sets/a/chunks/')).toHaveLength(2)
    const second = await openAgain(bucket, first.version)
    await second.write(2 * chunkBytes, one)
    // The listing of the first flush finds the dead opening's objects, which are in use.
    await second.flush()
    await second.write(3 * chunkBytes, one)
    await second.flush()
    await second.close()
    const reader = await openIn(bucket, { access: 'read-only' })
    expectBytes(await readRange(reader, 0, 4 * chunkBytes), Buffer.concat([one, two, one, one]))
  })

  it('recognises-a-swap-that-it-sent-before-it-died', async () => {
    const bucket = new MemoryBucket()
    await (await openIn(bucket)).close()
    let isDown = false
    const first = await openFirst(bucket, {
      hook: ({ op, key }: { op: string; key: string }) => {
        if (op === 'put' && key.endsWith('/manifest')) {
          isDown = true
          return 'lose-answer'
        }
        if (isDown) {
          throw lostAnswer()
        }
        return undefined
      },
    })
    await first.write(0, one)
    await expect(first.flush()).rejects.toMatchObject({ code: 'ECONNRESET' })
    const second = await openAgain(bucket, first.version)
    await second.write(chunkBytes, two)
    await second.flush()
    await second.close()
    const reader = await openIn(bucket, { access: 'read-only' })
    expectBytes(await readRange(reader, 0, 2 * chunkBytes), Buffer.concat([one, two]))
  })

  it('still-loses-against-a-writer-that-was-first', async () => {
    const bucket = new MemoryBucket()
    const first = await openFirst(bucket)
    await first.write(0, one)
    const other = await openIn(bucket)
    await other.write(0, two)
    await other.flush()
    await other.close()
    const second = await openAgain(bucket, first.version)
    expectBytes(await readRange(second, 0, chunkBytes), one)
    await expect(second.flush()).rejects.toMatchObject({ code: 'S3_CONFLICT' })
    await second.close()
  })

  it('says-so-where-nothing-of-what-it-staged-can-be-found', async () => {
    const bucket = new MemoryBucket()
    const first = await openFirst(bucket)
    await first.write(0, one)
    rmSync(stagingDirectory, { recursive: true })
    stagingDirectory = mkdtempSync(path.join(tmpdir(), 'umap-test-'))
    const opening = openAgain(bucket, first.version)
    await expect(opening).rejects.toMatchObject({ code: 'STORE_FLUSH_LOST' })
  })

  it('shows-a-reader-no-other-version', async () => {
    const bucket = new MemoryBucket()
    const writer = await openIn(bucket)
    const access = 'read-only' as const
    const { version } = await openIn(bucket, { access })
    await (await openIn(bucket, { access, session: 'r', version })).close()
    await writer.write(0, one)
    await writer.flush()
    await expect(openIn(bucket, { access, session: 'r', version })).rejects.toMatchObject({
      code: 'S3_VERSION_GONE',
    })
    await writer.close()
  })

  it('is-a-plain-buffer-however-often-its-host-dies', { timeout: 60_000 }, async () => {
    const kinds = ['write', 'write', 'write', 'discard', 'flush', 'die', 'die'] as const
    const step = fc.tuple(fc.constantFrom(...kinds), fc.nat(520), fc.integer({ min: 1, max: 200 }))
    const runs = fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.constantFrom(0, 2 ** 17, 2 ** 30),
      async (steps, stagingBytes) => {
        const bucket = new MemoryBucket()
        let store = await openFirst(bucket, { stagingBytes })
        const model = Buffer.alloc(store.byteLength)
        for (const [index, [kind, start, count]] of steps.entries()) {
          const offset = Math.min(start * 512, store.byteLength - 1)
          const byteLength = Math.min(count * 512, store.byteLength - offset)
          if (kind === 'write') {
            const bytes = pattern(index, byteLength, offset)
            bytes.copy(model, offset)
            await store.write(offset, bytes)
          } else if (kind === 'discard') {
            model.fill(0, offset, offset + byteLength)
            await store.discard(offset, byteLength)
          } else if (kind === 'flush') {
            await store.flush()
          } else {
            store = await openAgain(bucket, store.version, { stagingBytes })
            expectBytes(await readAll(store), model)
          }
        }
        await store.flush()
        await store.close()
        expect(readdirSync(stagingDirectory)).toEqual([])
        expectBytes(await readAll(await openIn(bucket, { access: 'read-only' })), model)
      },
    )
    await fc.assert(runs, { numRuns: Number(process.env.UMAP_TEST_RUNS ?? 40) })
  })
})
