// The swap of the manifest: two writers, lost answers, late answers. Requests are stopped, lost and
// let go one by one.

import { describe, expect, it } from 'vitest'
import { chunkBytes, expectBytes, openIn, pattern, readAll, readRange } from './data-sets.ts'
import { type BucketRequest, lostAnswer, MemoryBucket } from './memory-bucket.ts'

const one = pattern(1, chunkBytes)
const two = pattern(2, chunkBytes)

const isSwap = ({ op, key }: BucketRequest): boolean => op === 'put' && key.endsWith('/manifest')
const isManifestGet = ({ op, key }: BucketRequest): boolean =>
  op === 'get' && key.endsWith('/manifest')

describe('the swap of a manifest', () => {
  it('shows-readers-the-state-before-a-flush-or-after-it', async () => {
    const bucket = new MemoryBucket()
    await (await openIn(bucket)).close()
    const seen: boolean[] = []
    const writer = await openIn(bucket, {
      // After every single request of the flush, a new reader looks.
      hook: async (request) => {
        if (request.op === 'put' && !request.key.includes('/probe/')) {
          const reader = await openIn(bucket, { access: 'read-only' })
          const state = await readAll(reader)
          seen.push(state.every((byte) => byte === 0))
          await reader.close()
        }
        return undefined
      },
    })
    const before = writer.version
    await writer.write(0, one)
    await writer.write(3 * chunkBytes, two)
    await writer.flush()
    expect(seen).toEqual([true, true, true])
    expect(writer.version).not.toBe(before)
    const reader = await openIn(bucket, { access: 'read-only' })
    expect(reader.version).toBe(writer.version)
    expectBytes(await readRange(reader, 3 * chunkBytes, chunkBytes), two)
    await writer.close()
    await reader.close()
  })

  it('pins-a-reader-to-the-state-that-it-opened', async () => {
    const bucket = new MemoryBucket()
    const writer = await openIn(bucket)
    await writer.write(0, one)
    await writer.flush()
    const reader = await openIn(bucket, { access: 'read-only' })
    await writer.write(0, two)
    await writer.flush()
    expectBytes(await readRange(reader, 0, chunkBytes), one)
    expect(reader.version).not.toBe(writer.version)
    await writer.close()
    await reader.close()
  })

  it.each(['chunks', 'manifest'])(
    'keeps-what-is-written-while-the-%s-is-uploaded',
    async (what) => {
      const bucket = new MemoryBucket()
      await (await openIn(bucket)).close()
      let act: (() => Promise<void>) | undefined
      const writer = await openIn(bucket, {
        hook: async ({ op, key }) => {
          if (op === 'put' && key.includes(what)) {
            const acting = act
            act = undefined
            await acting?.()
          }
          return undefined
        },
      })
      await writer.write(0, one)
      act = () => writer.write(4096, two.subarray(4096, 8192))
      await writer.flush()
      expect(act).toBeUndefined()
      const expected = Buffer.from(one)
      two.copy(expected, 4096, 4096, 8192)
      expectBytes(await readRange(writer, 0, chunkBytes), expected)
      await writer.flush()
      await writer.close()
      const reader = await openIn(bucket, { access: 'read-only' })
      expectBytes(await readRange(reader, 0, chunkBytes), expected)
      await reader.close()
    },
  )

  it('lets-one-of-two-writers-win-fifty-times', async () => {
    const bucket = new MemoryBucket()
    for (let race = 1; race <= 50; race++) {
      const writers = await Promise.all([openIn(bucket), openIn(bucket)])
      await writers[0].write(0, pattern(race, chunkBytes))
      await writers[1].write(0, pattern(race + 100, chunkBytes))
      const ends = await Promise.allSettled(writers.map((writer) => writer.flush()))
      const winner = ends.findIndex(({ status }) => status === 'fulfilled')
      expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      const lost = ends[1 - winner] as PromiseRejectedResult
      expect(lost.reason).toMatchObject({ code: 'S3_CONFLICT', retryable: false })
      // Both still read what they wrote; others read the winner's.
      for (const [index, writer] of writers.entries()) {
        const own = pattern(race + 100 * index, chunkBytes)
        expectBytes(await readRange(writer, 0, chunkBytes), own)
      }
      const reader = await openIn(bucket, { access: 'read-only' })
      const won = pattern(race + 100 * winner, chunkBytes)
      expectBytes(await readRange(reader, 0, chunkBytes), won)
      await Promise.all([...writers, reader].map((store) => store.close()))
    }
  })

  it('goes-on-refusing-after-a-conflict', async () => {
    const bucket = new MemoryBucket()
    const loser = await openIn(bucket)
    const winner = await openIn(bucket)
    await winner.write(0, one)
    await winner.flush()
    await loser.write(chunkBytes, two)
    await expect(loser.flush()).rejects.toMatchObject({ code: 'S3_CONFLICT' })
    await loser.write(0, two)
    await expect(loser.flush()).rejects.toMatchObject({ code: 'S3_CONFLICT' })
    expectBytes(await readRange(loser, 0, 2 * chunkBytes), Buffer.concat([two, two]))
    await loser.close()
    await winner.write(chunkBytes, one)
    await winner.flush()
    await winner.close()
    const reader = await openIn(bucket, { access: 'read-only' })
    expectBytes(await readRange(reader, 0, 2 * chunkBytes), Buffer.concat([one, one]))
    await reader.close()
  })

  it('recognises-a-swap-whose-answer-was-lost', async () => {
    const bucket = new MemoryBucket()
    const writer = await openIn(bucket, {
      create: true,
      hook: (request) => (isSwap(request) ? 'lose-answer' : undefined),
    }).catch((error: unknown) => error)
    // Making it loses its answer too; that is an error, and the next opening finds the data set.
    expect(writer).toMatchObject({ code: 'ECONNRESET' })
    const again = await openIn(bucket, {
      hook: (request) => (isSwap(request) ? 'lose-answer' : undefined),
    })
    await again.write(0, one)
    await again.flush()
    await again.write(0, two)
    await again.flush()
    await again.close()
    const reader = await openIn(bucket, { access: 'read-only' })
    expectBytes(await readRange(reader, 0, chunkBytes), two)
    await reader.close()
  })

  it('recognises-it-later-where-reading-back-failed-too', async () => {
    const bucket = new MemoryBucket()
    await (await openIn(bucket)).close()
    let isDown = false
    let swaps = 0
    const writer = await openIn(bucket, {
      hook: (request) => {
        if (isSwap(request)) {
          swaps += 1
          isDown = swaps === 1
          return isDown ? 'lose-answer' : undefined
        }
        if (isDown && isManifestGet(request)) {
          throw lostAnswer()
        }
        return undefined
      },
    })
    await writer.write(0, one)
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ECONNRESET', retryable: true })
    // Written before anybody knows whether the first swap was made. It was.
    await writer.write(chunkBytes, two)
    isDown = false
    await writer.flush()
    // Refused, since the first was made; then on top of that one.
    expect(swaps).toBe(3)
    await writer.close()
    const reader = await openIn(bucket, { access: 'read-only' })
    expectBytes(await readRange(reader, 0, 2 * chunkBytes), Buffer.concat([one, two]))
    await reader.close()
  })

  it('repeats-a-swap-that-was-not-made', async () => {
    const bucket = new MemoryBucket()
    await (await openIn(bucket)).close()
    let failures = 1
    const writer = await openIn(bucket, {
      hook: (request) => {
        if (isSwap(request) && failures > 0) {
          failures -= 1
          throw lostAnswer()
        }
        return undefined
      },
    })
    await writer.write(0, one)
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ECONNRESET' })
    expectBytes(await readRange(writer, 0, chunkBytes), one)
    await writer.flush()
    await writer.close()
    const reader = await openIn(bucket, { access: 'read-only' })
    expectBytes(await readRange(reader, 0, chunkBytes), one)
    await reader.close()
  })

  it('knows-that-it-won-though-another-writer-went-on-from-there', async () => {
    const bucket = new MemoryBucket()
    let isArmed = false
    const first = await openIn(bucket, {
      hook: async (request) => {
        if (isArmed && isManifestGet(request)) {
          // Reading back comes too late: somebody else has opened, written and flushed by now.
          isArmed = false
          const second = await openIn(bucket)
          expectBytes(await readRange(second, 0, chunkBytes), one)
          await second.write(chunkBytes, two)
          await second.flush()
          await second.close()
        }
        return isArmed && isSwap(request) ? 'lose-answer' : undefined
      },
    })
    isArmed = true
    await first.write(0, one)
    await first.flush()
    expect(isArmed).toBe(false)
    await first.write(0, two)
    await expect(first.flush()).rejects.toMatchObject({ code: 'S3_CONFLICT' })
    await first.close()
    const reader = await openIn(bucket, { access: 'read-only' })
    expectBytes(await readRange(reader, 0, 2 * chunkBytes), Buffer.concat([one, two]))
    await reader.close()
  })

  it('takes-a-swap-that-arrives-late-for-its-own', async () => {
    const bucket = new MemoryBucket()
    await (await openIn(bucket)).close()
    let swaps = 0
    const writer = await openIn(bucket, {
      readerGraceMs: 0,
      hook: (request) => {
        if (!isSwap(request)) {
          return undefined
        }
        swaps += 1
        // The second attempt is overtaken by what the first one sent.
        bucket.late.shift()?.()
        return swaps === 1 ? 'arrive-late' : undefined
      },
    })
    await writer.write(0, one)
    await writer.write(2 * chunkBytes, one)
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ECONNRESET' })
    await writer.write(0, two)
    await writer.write(chunkBytes, two)
    await writer.flush()
    expect(swaps).toBe(3)
    await writer.close()
    const reader = await openIn(bucket, { access: 'read-only' })
    const state = Buffer.concat([two, two, one])
    expectBytes(await readRange(reader, 0, 3 * chunkBytes), state)
    expect(bucket.keys('sets/a/chunks/')).toHaveLength(3)
    await reader.close()
  })
})
