// Data sets through the whole client: two writers on a real server, and a server that fails in every
// way it can, as the fake does.

import { openStore, type S3StoreOptions } from '@umap/store-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DatasetStore } from '../../src/dataset/dataset-store.ts'
import type { FakeRequest, Fault } from '../fake/fake-s3.ts'
import { useFake } from '../fake/use-fake.ts'
import { s3TestServer } from '../server/s3-server.ts'
import { chunkBytes, expectBytes, pattern, readAll, readRange } from './data-sets.ts'
import { hashOf } from './generations.mjs'

const server = await s3TestServer()
const KiB = 1024

async function open(
  options: S3StoreOptions,
  access: 'read-only' | 'read-write' = 'read-write',
): Promise<DatasetStore> {
  return (await openStore(options, { access })) as unknown as DatasetStore
}

const races = Number(process.env.UMAP_TEST_RACES ?? 50)

async function race(options: S3StoreOptions, count: number): Promise<void> {
  let winner = await open({ ...options, create: true, byteLength: chunkBytes, chunkBytes })
  for (let round = 1; round <= count; round++) {
    const writers = [winner, await open(options)] as const
    const bytes = [pattern(round, 5000), pattern(round + 100, 5000)] as const
    await Promise.all(writers.map((writer, index) => writer.write(0, bytes[index] as Buffer)))
    const ends = await Promise.allSettled(writers.map((writer) => writer.flush()))
    const won = ends.findIndex(({ status }) => status === 'fulfilled')
    expect(ends[1 - won]).toMatchObject({
      status: 'rejected',
      reason: { code: 'S3_CONFLICT', retryable: false },
    })
    const loser = writers[1 - won] as DatasetStore
    expectBytes(await readRange(loser, 0, 5000), bytes[1 - won] as Buffer)
    await loser.close()
    winner = writers[won] as DatasetStore
    const reader = await open(options, 'read-only')
    expectBytes(await readRange(reader, 0, 5000), bytes[won] as Buffer)
    await reader.close()
  }
  await winner.close()
}

// Without a server, which the run says at its end.
// skipped: there is no S3 server
describe.skipIf(server === undefined)('two writers on a real server', () => {
  let bucket = ''
  beforeAll(async () => {
    bucket = (await server?.makeBucket()) ?? ''
  })
  afterAll(() => server?.close())

  it('race-and-one-of-them-wins', { timeout: 120_000 }, async () => {
    await race({ bucket, prefix: 'race', client: server?.clientOptions ?? {} }, races)
  })
})

describe('a server that does as it is told', () => {
  const fake = useFake()
  const optionsOf = (prefix: string) => ({
    bucket: 'b',
    prefix,
    byteLength: 8 * chunkBytes,
    chunkBytes,
    create: true,
    readerGraceMs: 0,
    client: fake.clientOptions,
  })
  const seed = Number(process.env.UMAP_TEST_SEED ?? Date.now() % 2 ** 31)

  const faults: readonly Fault[] = [
    { kind: 'status', status: 503, code: 'SlowDown' },
    { kind: 'status', status: 500, code: 'InternalError' },
    { kind: 'doneButStatus', status: 503, code: 'ServiceUnavailable' },
    { kind: 'doneButReset' },
    { kind: 'reset', afterBytes: 0 },
    { kind: 'reset', afterBytes: 700 },
    { kind: 'truncate', afterBytes: 700 },
    { kind: 'corrupt' },
  ]

  // Lists and deletions are left alone, for failures there cost space only; so are small bodies.
  const faultOf = ({ index, operation, key }: FakeRequest): Fault | undefined => {
    const choice = hashOf(seed, index)
    const fault = choice % 12 === 0 ? faults[(choice >>> 8) % faults.length] : undefined
    const isChunk = key.includes('/chunks/')
    const isOfBodies = fault !== undefined && ['reset', 'truncate', 'corrupt'].includes(fault.kind)
    const isFit = isOfBodies ? operation === 'get' && isChunk : operation === 'put'
    return isFit ? fault : undefined
  }

  it(`loses-nothing-and-shows-no-wrong-byte (UMAP_TEST_SEED=${seed})`, async () => {
    const options = optionsOf('faulty')
    await (await open(options)).close()
    fake.s3.script = faultOf
    const model = Buffer.alloc(options.byteLength)
    const store = await open(options)
    for (let step = 0; step < 40; step++) {
      const offset = (hashOf(seed, step, 1) % 120) * 4 * KiB
      const bytes = pattern(step, 4 * KiB * (1 + (hashOf(seed, step, 2) % 8)))
      bytes.copy(model, offset)
      await store.write(offset, bytes)
      if (step % 4 === 3) {
        await store.flush()
        const reader = await open(options, 'read-only')
        expectBytes(await readAll(reader), model)
        await reader.close()
      }
    }
    expect(store.stats().retries).toBeGreaterThan(0)
    await store.close()
  })

  it('lets-one-of-two-writers-win-each-time', async () => {
    await race({ bucket: 'b', prefix: 'race', client: fake.clientOptions }, races)
  })

  it('is-not-written-to-where-it-ignores-conditions', async () => {
    const options = optionsOf('careless')
    fake.s3.script = () => ({ kind: 'ignoreConditions' })
    await expect(open(options)).rejects.toMatchObject({ code: 'STORE_UNSUPPORTED' })
    expect(fake.s3.keys('b', 'careless/')).toEqual([])
  })

  it('is-not-asked-twice-for-what-a-torn-chunk-has-not', async () => {
    const options = optionsOf('torn')
    const store = await open(options)
    await store.write(0, pattern(1, chunkBytes))
    await store.flush()
    const [key] = fake.s3.keys('b', 'torn/chunks/') as [string]
    for (const bytes of [0, 1, 30_000]) {
      const object = fake.s3.objects.get(`b/${key}`)
      fake.s3.put('b', key, object?.slice(0, bytes) as Buffer)
      await expect(readRange(store, 0, chunkBytes)).rejects.toMatchObject({ code: 'S3_CORRUPT' })
      fake.s3.put('b', key, Buffer.concat([object?.slice(0, object.byteLength) as Buffer]))
    }
    expect(store.stats().retries).toBe(0)
    await store.close()
  })

  it('spares-what-a-stale-listing-shows', async () => {
    const options = optionsOf('stale')
    const first = await open(options)
    await first.write(0, pattern(1, chunkBytes))
    await first.flush()
    const then = fake.s3.snapshot()
    await first.write(0, pattern(2, chunkBytes))
    await first.write(chunkBytes, pattern(3, chunkBytes))
    await first.flush()
    await first.close()
    fake.s3.script = ({ operation }) =>
      operation === 'list' ? { kind: 'staleList', objects: then } : undefined
    for (let time = 0; time < 2; time++) {
      const next = await open(options)
      await next.write(7 * chunkBytes, pattern(4 + time, 10))
      await next.flush()
      await next.close()
    }
    const reader = await open(options, 'read-only')
    expectBytes(await readRange(reader, 0, chunkBytes), pattern(2, chunkBytes))
    expectBytes(await readRange(reader, chunkBytes, chunkBytes), pattern(3, chunkBytes))
    await reader.close()
  })

  it('is-not-asked-for-what-nobody-waits-for-any-more', async () => {
    const options = optionsOf('given-up')
    const store = await open(options)
    await store.write(0, pattern(1, chunkBytes))
    await store.flush()
    let release = (): void => undefined
    const until = new Promise<void>((resolve) => {
      release = resolve
    })
    fake.s3.script = ({ operation, key }) =>
      operation === 'get' && key.includes('/chunks/')
        ? { kind: 'stall', afterBytes: 100, until }
        : undefined
    const giveUp = new AbortController()
    const target = Buffer.alloc(4096, 7)
    const reading = store.read(0, target, { signal: giveUp.signal })
    const reason = new Error('nobody waits')
    giveUp.abort(reason)
    await expect(reading).rejects.toBe(reason)
    release()
    fake.s3.script = () => undefined
    expectBytes(await readRange(store, 0, 4096), pattern(1, 4096))
    expect(target.every((byte) => byte === 7)).toBe(true)
    await store.close()
  })

  it('is-asked-for-little-more-than-what-is-needed', async () => {
    const big = { ...optionsOf('amplified'), byteLength: 2 ** 23, chunkBytes: 2 ** 22 }
    const writer = await open(big)
    const bytes = pattern(1, 2 ** 23)
    await writer.write(0, bytes)
    await writer.flush()
    await writer.close()
    // Pages of 64 KiB in any order: the checksums are all that comes on top.
    const pages = await open(big, 'read-only')
    for (let page = 0; page < 64; page++) {
      const offset = ((page * 37) % 128) * 64 * KiB
      expectBytes(await readRange(pages, offset, 64 * KiB), bytes.subarray(offset, offset + 65_536))
    }
    expect(pages.stats().readAmplification).toBeLessThan(1.001)
    await pages.close()
    // Small pages one after the other, many at a time: each block comes once.
    const small = await open(big, 'read-only')
    for (let offset = 0; offset < 2 ** 20; offset += 32 * KiB) {
      const reads = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => readRange(small, offset + n * 4096, 4096))
      expectBytes(Buffer.concat(await Promise.all(reads)), bytes.subarray(offset, offset + 32_768))
    }
    expect(small.stats().readAmplification).toBeLessThan(1.001)
    await small.close()
  })
})
