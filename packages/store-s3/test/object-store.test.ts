// Reads of one object: which requests they become, what is refused, and that no answer of a broken
// server is ever taken for the object's bytes. On the fake, which does on demand what is asked here.

import { openStore, type S3ClientOptions } from '@umap/store-s3'
import { describe, expect, it } from 'vitest'
import type { ObjectStore } from '../dist/object-store.js'
import type { FakeRequest, Fault } from './fake/fake-s3.ts'
import { Pattern } from './fake/pattern.ts'
import { useFake } from './fake/use-fake.ts'
import { deferred, randomFrom } from './random.ts'

const fake = useFake()
const mib = 2 ** 20

async function openPattern(
  byteLength: number,
  seed = 1,
  options: S3ClientOptions = {},
): Promise<[ObjectStore, Pattern]> {
  const pattern = new Pattern(byteLength, seed)
  fake.s3.putGenerated('b', 'k', pattern.asObject())
  const client = { ...fake.clientOptions, ...options }
  const store = await openStore({ bucket: 'b', key: 'k', client })
  return [store as ObjectStore, pattern]
}

async function readChecked(
  store: ObjectStore,
  pattern: Pattern,
  offset: number,
  byteLength: number,
) {
  const target = new Uint8Array(byteLength)
  await store.read(offset, target)
  expect(pattern.findWrongByte(offset, target)).toBeUndefined()
}

/** The ranges of the GETs that were sent, in order. */
function ranges(): Array<[number, number] | 'all'> {
  return fake.s3.requests
    .filter(({ operation }) => operation === 'get')
    .map(({ range }) => (range === undefined ? 'all' : [range.from, range.to]))
}

/** A script that lets `fault` happen to the first GET only. */
function once(fault: Fault): (request: FakeRequest) => Fault | undefined {
  let done = false
  return ({ operation }) => {
    const isFirst = operation === 'get' && !done
    done ||= isFirst
    return isFirst ? fault : undefined
  }
}

describe('requests', () => {
  it('carry-the-pinned-etag', async () => {
    const [store, pattern] = await openPattern(mib)
    await Promise.all([0, 300_000, 700_000].map((at) => readChecked(store, pattern, at, 5000)))
    const gets = fake.s3.requests.filter(({ operation }) => operation === 'get')
    expect(gets.map(({ ifMatch }) => ifMatch)).toEqual(Array(3).fill(store.version))
    await store.close()
  })

  it('are-one-for-reads-that-touch-and-fetch-no-byte-too-many', async () => {
    const [store, pattern] = await openPattern(mib)
    const pages = [4, 1, 2, 3, 9, 11, 10, 20]
    await Promise.all(pages.map((page) => readChecked(store, pattern, page * 4096, 4096)))
    expect(ranges()).toEqual([
      [1 * 4096, 5 * 4096],
      [9 * 4096, 12 * 4096],
      [20 * 4096, 21 * 4096],
    ])
    expect(store.stats()).toMatchObject({
      neededBytes: 8 * 4096,
      fetchedBytes: 8 * 4096,
      readAmplification: 1,
      coalescedReads: 7,
      sharedReads: 0,
      retries: 0,
    })
    await store.close()
  })

  it('are-one-for-reads-that-overlap', async () => {
    const [store, pattern] = await openPattern(mib)
    await Promise.all(
      [
        [1000, 5000],
        [1000, 5000],
        [2000, 100],
        [4000, 9000],
      ].map(([at = 0, byteLength = 0]) => readChecked(store, pattern, at, byteLength)),
    )
    expect(ranges()).toEqual([[1000, 13_000]])
    expect(store.stats()).toMatchObject({ neededBytes: 19_100, fetchedBytes: 12_000 })
    await store.close()
  })

  it('are-several-at-once-for-a-long-read', async () => {
    const [store, pattern] = await openPattern(16 * mib)
    const release = deferred()
    fake.s3.script = ({ operation }) =>
      operation === 'get' ? { kind: 'stall', afterBytes: 10, until: release.promise } : undefined
    const reading = readChecked(store, pattern, mib, 8 * mib)
    // A second request that waited for the end of the first one would never come.
    await expect.poll(() => ranges().length).toBe(2)
    release.resolve()
    await reading
    expect(ranges()).toEqual([
      [mib, 5 * mib],
      [5 * mib, 9 * mib],
    ])
    await store.close()
  })

  it('are-shared-by-a-read-that-comes-later', async () => {
    const [store, pattern] = await openPattern(mib)
    const release = deferred()
    fake.s3.script = once({ kind: 'stall', afterBytes: 4096, until: release.promise })
    const first = readChecked(store, pattern, 0, 65_536)
    await expect.poll(() => store.stats().fetchedBytes).toBe(4096)
    // All of it is still to come; its first part has passed; half of it belongs to nobody yet.
    const later = [
      readChecked(store, pattern, 8192, 4096),
      readChecked(store, pattern, 0, 65_536),
      readChecked(store, pattern, 61_440, 8192),
    ]
    await expect.poll(() => ranges().length).toBe(3)
    release.resolve()
    await Promise.all([first, ...later])
    expect(ranges().slice(1).sort()).toEqual([
      [0, 4096],
      [65_536, 69_632],
    ])
    expect(store.stats()).toMatchObject({ sharedReads: 3, fetchedBytes: 65_536 + 4096 + 4096 })
    await store.close()
  })

  it('are-never-more-at-once-than-connections', async () => {
    fake.s3.concurrencySeen = 0
    const [store, pattern] = await openPattern(mib, 1, { connectionsMax: 3 })
    const release = deferred()
    fake.s3.script = () => ({ kind: 'stall', afterBytes: 10, until: release.promise })
    const offsets = Array.from({ length: 40 }, (_, index) => index * 8192)
    const reads = offsets.map((at) => readChecked(store, pattern, at, 4096))
    await expect.poll(() => fake.s3.inService).toBe(3)
    release.resolve()
    await Promise.all(reads)
    expect(fake.s3.concurrencySeen).toBe(3)
    expect(ranges().length).toBe(40)
    await store.close()
  })

  it('have-no-range-for-the-whole-object-so-that-its-checksum-is-verified', async () => {
    const [store, pattern] = await openPattern(10_000)
    fake.s3.script = once({ kind: 'corrupt' })
    await readChecked(store, pattern, 0, 10_000)
    expect(ranges()).toEqual(['all', 'all'])
    expect(store.stats().retries).toBe(1)
    await store.close()
  })
})

describe('cancellation', () => {
  it('ends-a-request-for-which-nobody-waits-any-more', async () => {
    const [store] = await openPattern(mib)
    const never = deferred()
    fake.s3.script = once({ kind: 'stall', afterBytes: 100, until: never.promise })
    const controllers = [new AbortController(), new AbortController()]
    const targets = [new Uint8Array(5000), new Uint8Array(5000)]
    const reads = controllers.map(({ signal }, index) =>
      store.read(index * 4000, targets[index] ?? new Uint8Array(), { signal }),
    )
    await expect.poll(() => store.stats().fetchedBytes).toBe(100)
    controllers[0]?.abort(new Error('enough'))
    await expect(reads[0]).rejects.toThrow('enough')
    expect(fake.s3.inService).toBe(1)
    controllers[1]?.abort(new Error('me too'))
    await expect(reads[1]).rejects.toThrow('me too')
    await expect.poll(() => fake.s3.inService).toBe(0)
    never.resolve()
    expect(store.stats()).toMatchObject({ cancelledReads: 2, retries: 0, neededBytes: 0 })
    await store.close()
  })

  it('of-one-read-leaves-the-others-their-bytes', async () => {
    const [store, pattern] = await openPattern(mib)
    const release = deferred()
    fake.s3.script = once({ kind: 'stall', afterBytes: 100, until: release.promise })
    const controller = new AbortController()
    const target = new Uint8Array(5000)
    const cancelled = store.read(0, target, { signal: controller.signal })
    const kept = readChecked(store, pattern, 1000, 5000)
    await expect.poll(() => store.stats().fetchedBytes).toBe(100)
    controller.abort(new Error('enough'))
    await expect(cancelled).rejects.toThrow('enough')
    release.resolve()
    await kept
    expect(target.subarray(100).every((byte) => byte === 0)).toBe(true)
    expect(ranges()).toEqual([[0, 6000]])
    await store.close()
  })

  it('before-the-request-was-sent-sends-none', async () => {
    const [store] = await openPattern(mib)
    const controller = new AbortController()
    const reading = store.read(0, new Uint8Array(10), { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    await expect(store.read(0, new Uint8Array(10), { signal: controller.signal })).rejects.toThrow(
      'enough',
    )
    await store.close()
    expect(ranges()).toEqual([])
  })
})

describe('an answer that cannot be trusted', () => {
  const faults: ReadonlyArray<readonly [Fault, string]> = [
    [{ kind: 'truncate', afterBytes: 3000 }, 'S3_TRUNCATED'],
    [{ kind: 'truncate', afterBytes: 0 }, 'S3_TRUNCATED'],
    [{ kind: 'short', bytes: 3000 }, 'S3_RESPONSE'],
    [{ kind: 'short', bytes: 0 }, 'S3_RESPONSE'],
    [{ kind: 'otherRange' }, 'S3_RESPONSE'],
    [{ kind: 'ignoreRange' }, 'S3_RESPONSE'],
    [{ kind: 'reset', afterBytes: 3000 }, 'S3_TRUNCATED'],
  ]

  it('is-tried-again-and-only-what-is-missing-is-asked-for', async () => {
    for (const [fault] of faults) {
      const [store, pattern] = await openPattern(mib)
      fake.s3.requests.length = 0
      fake.s3.script = once(fault)
      await readChecked(store, pattern, 4096, 8192)
      const arrived = 'afterBytes' in fault ? fault.afterBytes : 0
      expect(ranges(), JSON.stringify(fault)).toEqual([
        [4096, 12_288],
        [4096 + arrived, 12_288],
      ])
      expect(store.stats()).toMatchObject({ retries: 1, fetchedBytes: 8192, readAmplification: 1 })
      await store.close()
    }
  })

  it('is-an-error-with-a-stable-code-when-it-stays-so', async () => {
    const lasting: typeof faults = [
      ...faults.slice(1, 6),
      [{ kind: 'reset', afterBytes: 0 }, 'ECONNRESET'],
    ]
    for (const [fault, code] of lasting) {
      const [store] = await openPattern(mib, 1, { retryTimeoutMs: 200 })
      fake.s3.script = ({ operation }) => (operation === 'get' ? fault : undefined)
      const reading = store.read(4096, new Uint8Array(2 * 8192))
      await expect(reading, JSON.stringify(fault)).rejects.toMatchObject({
        name: 'StoreError',
        code,
        retryable: true,
        message: expect.stringContaining('b/k'),
      })
      await store.close()
    }
  }, 60_000)

  it('of-a-wrong-checksum-is-an-error', async () => {
    const [store] = await openPattern(10_000, 1, { retryTimeoutMs: 200 })
    fake.s3.script = () => ({ kind: 'wrongChecksum' })
    await expect(store.read(0, new Uint8Array(10_000))).rejects.toMatchObject({
      code: 'S3_CHECKSUM',
      retryable: true,
    })
    await store.close()
  })

  it('that-does-not-come-is-given-up-and-tried-again', async () => {
    const [store, pattern] = await openPattern(mib, 1, { idleTimeoutMs: 200 })
    const never = deferred()
    for (const afterBytes of [0, 1000]) {
      fake.s3.script = once({ kind: 'stall', afterBytes, until: never.promise })
      await readChecked(store, pattern, 0, 4096)
    }
    expect(store.stats()).toMatchObject({ neededBytes: 8192, fetchedBytes: 8192 })
    // More where the machine is so slow that a good answer takes as long.
    expect(store.stats().retries).toBeGreaterThanOrEqual(2)
    never.resolve()
    await store.close()
  })
})

describe('an object that was changed', () => {
  it('is-an-error-and-never-a-mix-of-two-versions', async () => {
    const [store] = await openPattern(mib, 1)
    await store.read(0, new Uint8Array(4096))
    fake.s3.putGenerated('b', 'k', new Pattern(mib, 2).asObject())
    await expect(store.read(0, new Uint8Array(4096))).rejects.toMatchObject({
      code: 'S3_CHANGED',
      retryable: false,
    })
    expect(store.stats().retries).toBe(0)
    await store.close()
  })

  it('is-noticed-between-two-attempts-of-one-read', async () => {
    const [store] = await openPattern(mib, 1)
    const script = once({ kind: 'truncate', afterBytes: 1000 })
    fake.s3.script = (request) => {
      const fault = script(request)
      if (fault !== undefined) {
        queueMicrotask(() => fake.s3.putGenerated('b', 'k', new Pattern(mib, 2).asObject()))
      }
      return fault
    }
    await expect(store.read(0, new Uint8Array(4096))).rejects.toMatchObject({ code: 'S3_CHANGED' })
    await store.close()
  })

  it('is-noticed-though-the-server-ignores-conditions', async () => {
    const [store] = await openPattern(mib, 1)
    fake.s3.script = () => ({ kind: 'ignoreConditions' })
    fake.s3.putGenerated('b', 'k', new Pattern(mib, 2).asObject())
    await expect(store.read(0, new Uint8Array(4096))).rejects.toMatchObject({ code: 'S3_CHANGED' })
    const { etag, slice } = new Pattern(mib, 1).asObject()
    fake.s3.putGenerated('b', 'k', { byteLength: 2 * mib, etag, slice })
    await expect(store.read(0, new Uint8Array(4096))).rejects.toMatchObject({ code: 'S3_CHANGED' })
    await store.close()
  })

  it('that-is-gone-or-shorter-is-an-error', async () => {
    const [store] = await openPattern(mib, 1)
    fake.s3.script = () => ({ kind: 'ignoreConditions' })
    fake.s3.putGenerated('b', 'k', new Pattern(4096, 1).asObject())
    await expect(store.read(8192, new Uint8Array(4096))).rejects.toMatchObject({
      code: 'S3_CHANGED',
    })
    fake.s3.objects.delete('b/k')
    await expect(store.read(0, new Uint8Array(4096))).rejects.toMatchObject({
      code: 'S3_NOT_FOUND',
    })
    await store.close()
  })
})

describe('opening', () => {
  it('pins-version-and-size', async () => {
    const etag = fake.s3.put('b', 'k', new Uint8Array(5))
    const options = { bucket: 'b', key: 'k', client: fake.clientOptions }
    const store = (await openStore({ ...options, byteLength: 5 })) as ObjectStore
    expect(store).toMatchObject({ byteLength: 5, version: etag })
    expect(store.capabilities).toMatchObject({ writable: false, atomicFlush: false })
    await store.close()
    await expect(openStore({ ...options, byteLength: 6 })).rejects.toMatchObject({
      code: 'STORE_SIZE',
    })
    await expect(openStore(options, { access: 'read-write' })).rejects.toMatchObject({
      code: 'STORE_READ_ONLY',
    })
    await expect(openStore({ ...options, key: 'nix' })).rejects.toMatchObject({
      code: 'S3_NOT_FOUND',
      retryable: false,
      message: expect.stringContaining('b/nix'),
    })
  })

  it('takes-an-empty-object', async () => {
    fake.s3.put('b', 'k', new Uint8Array())
    const store = await openStore({ bucket: 'b', key: 'k', client: fake.clientOptions })
    expect(store.byteLength).toBe(0)
    await store.read(0, new Uint8Array(), { signal: new AbortController().signal })
    await store.close()
  })
})

it('no-byte-is-wrong-whatever-comes-together', async () => {
  const seed = Number(process.env.UMAP_S3_SEED ?? Date.now() % 2 ** 32)
  console.log(`reads under faults: repeat with UMAP_S3_SEED=${seed}`)
  const random = randomFrom(seed)
  const [store, pattern] = await openPattern(3 * mib + 77, seed)
  fake.s3.script = ({ range }) => {
    const afterBytes = random((range?.to ?? 1) - (range?.from ?? 0))
    const kinds = ['reset', 'truncate', undefined, undefined, undefined, undefined] as const
    const kind = random(8) === 0 ? kinds[random(kinds.length)] : undefined
    return kind === undefined ? undefined : { kind, afterBytes }
  }
  const read = async () => {
    const offset = random(pattern.byteLength)
    const target = new Uint8Array(random(Math.min(300_000, pattern.byteLength - offset)) + 1)
    const controller = new AbortController()
    if (random(4) === 0) {
      setTimeout(() => controller.abort(new Error('given up')), random(5))
    }
    try {
      await store.read(offset, target, { signal: controller.signal })
    } catch (error) {
      expect((error as Error).message).toBe('given up')
      // Nothing may be written any more: the memory is somebody else's now.
      const copy = target.slice()
      await new Promise((resolve) => setImmediate(resolve))
      expect(Buffer.compare(copy, target)).toBe(0)
      return
    }
    expect(pattern.findWrongByte(offset, target)).toBeUndefined()
  }
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let round = 0; round < 60; round++) {
        await read()
      }
    }),
  )
  await store.close()
}, 60_000)
