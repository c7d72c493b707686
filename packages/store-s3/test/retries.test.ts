// What is tried again and what is not, how much of it there is, and that a server in trouble is
// given less to do, not more.

import { openStore, type S3ClientOptions } from '@umap/store-s3'
import { describe, expect, it } from 'vitest'
import type { ObjectStore } from '../dist/object-store.js'
import { retryBudgetEarned, retryBudgetMax } from '../dist/retry-budget.js'
import { Pattern } from './fake/pattern.ts'
import { useFake } from './fake/use-fake.ts'
import { randomFrom } from './random.ts'
import { hashesOf, scan } from './scan.ts'

const fake = useFake()
const mib = 2 ** 20
const pattern = new Pattern(8 * mib, 1)

async function openPattern(options: S3ClientOptions = {}): Promise<ObjectStore> {
  fake.s3.putGenerated('b', 'k', pattern.asObject())
  const client = { ...fake.clientOptions, ...options }
  const store = (await openStore({ bucket: 'b', key: 'k', client })) as ObjectStore
  fake.s3.requests.length = 0
  return store
}

async function readChecked(store: ObjectStore, offset: number, byteLength: number): Promise<void> {
  const target = new Uint8Array(byteLength)
  await store.read(offset, target)
  expect(pattern.findWrongByte(offset, target)).toBeUndefined()
}

describe('errors of the server', () => {
  const answers: ReadonlyArray<readonly [number, string, string, boolean]> = [
    [403, 'AccessDenied', 'S3_ACCESS_DENIED', false],
    [403, 'SignatureDoesNotMatch', 'S3_CREDENTIALS', false],
    [403, 'InvalidAccessKeyId', 'S3_CREDENTIALS', false],
    [400, 'ExpiredToken', 'S3_CREDENTIALS', false],
    [403, 'RequestTimeTooSkewed', 'S3_CREDENTIALS', true],
    [404, 'NoSuchKey', 'S3_NOT_FOUND', false],
    [404, 'NoSuchBucket', 'S3_NOT_FOUND', false],
    [412, 'PreconditionFailed', 'S3_CHANGED', false],
    [416, 'InvalidRange', 'S3_CHANGED', false],
    [400, 'InvalidArgument', 'S3_REFUSED', false],
    [501, 'NotImplemented', 'S3_REFUSED', false],
    [400, 'RequestTimeout', 'S3_TIMEOUT', true],
    [400, 'BadDigest', 'S3_CHECKSUM', true],
    [429, 'TooManyRequests', 'S3_SLOW_DOWN', true],
    [503, 'SlowDown', 'S3_SLOW_DOWN', true],
    [503, 'ServiceUnavailable', 'S3_UNAVAILABLE', true],
    [500, 'InternalError', 'S3_UNAVAILABLE', true],
    [502, 'BadGateway', 'S3_UNAVAILABLE', true],
  ]

  it('keep-a-stable-code-and-are-tried-again-only-where-that-can-help', async () => {
    for (const [status, name, code, retryable] of answers) {
      const store = await openPattern({ retryTimeoutMs: 30 })
      fake.s3.script = () => ({ kind: 'status', status, code: name })
      await expect(store.read(0, new Uint8Array(4096)), name).rejects.toMatchObject({
        name: 'StoreError',
        code,
        retryable,
        message: expect.stringContaining(`${name} (${status}`),
      })
      expect(fake.s3.requests.length > 1, name).toBe(retryable)
      fake.s3.script = () => undefined
      await store.close()
    }
  })

  it('are-nothing-to-the-reader-when-they-pass', async () => {
    const store = await openPattern()
    for (const [status, name] of answers.filter(([, , , retryable]) => retryable)) {
      let failures = 2
      fake.s3.script = () => (failures-- > 0 ? { kind: 'status', status, code: name } : undefined)
      await readChecked(store, 4096, 4096)
    }
    await store.close()
  })
})

describe('the budget', () => {
  it('ends-the-retries-of-a-server-that-fails-again-and-again', async () => {
    const seed = Date.now() % 2 ** 32
    console.log(`retry budget: seed ${seed}`)
    const random = randomFrom(seed)
    const store = await openPattern({ connectionsMax: 4, retryTimeoutMs: 600_000 })
    let served = 0
    fake.s3.script = () => {
      // Every second request, so that the server never seems to be away.
      served += 1
      return served % 2 === 0 ? { kind: 'status', status: 500, code: 'InternalError' } : undefined
    }
    let failed = 0
    for (let round = 0; failed === 0 && round < 1000; round++) {
      await readChecked(store, random(1000) * 4096, 4096).catch((error) => {
        expect(error).toMatchObject({ code: 'S3_UNAVAILABLE', retryable: true })
        failed += 1
      })
    }
    const { requests, retries, retriesLeft } = store.stats()
    const successes = requests - Math.floor(served / 2)
    expect(failed).toBe(1)
    expect(retriesLeft).toBe(0)
    expect(retries).toBeLessThanOrEqual(retryBudgetMax + retryBudgetEarned * successes)
    await store.close()
  }, 60_000)
})

describe('a server that asks for less', () => {
  it('gets-fewer-requests-at-once', async () => {
    const store = await openPattern({ connectionsMax: 32, retryTimeoutMs: 60_000 })
    const bearable = 4
    fake.s3.script = () => {
      if (fake.s3.inService > bearable) {
        return { kind: 'status', status: 503, code: 'SlowDown' }
      }
      // Answers take their time, or there would never be two at once.
      const until = new Promise((resolve) => setTimeout(resolve, 5))
      return { kind: 'stall', afterBytes: 0, until }
    }
    const pages = Array.from({ length: 300 }, (_, index) => index)
    await Promise.all(pages.map((page) => readChecked(store, page * 8192, 4096)))
    const { slowDowns, retries } = store.stats()
    expect(slowDowns).toBeGreaterThan(0)
    expect(slowDowns).toBe(retries)
    // Without adapting, nearly every request would be refused at least once.
    expect(slowDowns).toBeLessThan(100)
    await store.close()
  }, 60_000)
})

describe('a server that is away', () => {
  it('is-asked-by-one-read-at-a-time-and-all-go-on-when-it-is-back', async () => {
    const store = await openPattern({ retryTimeoutMs: 60_000 })
    await readChecked(store, 0, 4096)
    await fake.s3.stop()
    const pages = Array.from({ length: 64 }, (_, index) => index)
    const reads = Promise.all(pages.map((page) => readChecked(store, page * 8192, 4096)))
    // One look and one read went well; each of the 32 connections fails once, in no time; what
    // comes after that is one request a pause.
    const wave = 2 + 32
    const sent = () => store.stats().requests
    await expect.poll(sent, { timeout: 20_000 }).toBeGreaterThan(wave + 3)
    const requestsAway = sent()
    await fake.s3.listen()
    await reads
    expect(requestsAway).toBeLessThan(wave + 10)
    expect(sent()).toBeLessThan(requestsAway + 64 + 32)
    expect(store.stats().retriesLeft).toBeGreaterThan(0)
    await store.close()
  }, 60_000)

  it('fails-the-read-when-the-time-for-retries-is-over', async () => {
    const store = await openPattern({ retryTimeoutMs: 1500 })
    await fake.s3.stop()
    const reads = [0, 1, 2, 3].map((page) => store.read(page * 8192, new Uint8Array(4096)))
    for (const result of await Promise.allSettled(reads)) {
      expect(result).toMatchObject({ reason: { code: 'ECONNREFUSED', retryable: true } })
    }
    await fake.s3.listen()
    await readChecked(store, 0, 4096)
    await store.close()
  })

  it('does-not-hold-a-read-whose-caller-gives-up', async () => {
    const store = await openPattern({ retryTimeoutMs: 60_000 })
    await fake.s3.stop()
    const controller = new AbortController()
    const { signal } = controller
    const reads = [0, 1, 2, 3].map((page) =>
      store.read(page * 8192, new Uint8Array(4096), { signal }),
    )
    await expect.poll(() => store.stats().requests).toBeGreaterThan(4)
    controller.abort(new Error('enough'))
    for (const result of await Promise.allSettled(reads)) {
      expect(result).toMatchObject({ reason: { message: 'enough' } })
    }
    await fake.s3.listen()
    await store.close()
  })
})

/** One answer in `answers` is an error, a lost connection or a body that ends too early. */
function failSometimes(
  answers: number,
  random: (below: number) => number,
  onFault: () => void,
): void {
  fake.s3.script = ({ operation, range }) => {
    if (operation !== 'get' || random(answers) > 0) {
      return undefined
    }
    onFault()
    const afterBytes = random((range?.to ?? 1) - (range?.from ?? 0))
    const kind = (['reset', 'truncate', 'status'] as const)[random(3)] ?? 'status'
    return kind === 'status'
      ? { kind, status: 503, code: 'ServiceUnavailable' }
      : { kind, afterBytes }
  }
}

describe('a-scan-with-failures', () => {
  const seed = Number(process.env.UMAP_S3_SEED ?? Date.now() % 2 ** 32)

  it('sees-no-wrong-byte-and-spends-no-more-than-the-budget', async () => {
    const byteLength = Number(process.env.UMAP_TEST_S3_SCAN_MIB ?? 1024) * mib
    console.log(`scan of ${byteLength} bytes: repeat with UMAP_S3_SEED=${seed}`)
    const random = randomFrom(seed)
    const scanned = new Pattern(byteLength, seed)
    fake.s3.putGenerated('b', 'scan', scanned.asObject())
    const client = fake.clientOptions
    const store = (await openStore({ bucket: 'b', key: 'scan', client })) as ObjectStore
    let faults = 0
    failSometimes(100, random, () => {
      faults += 1
    })
    const callBytes = 512 * 1024
    let next = 0
    const reader = async () => {
      const target = new Uint8Array(callBytes)
      for (let offset = next; offset < byteLength; offset = next) {
        // One call apart, so that calls are not put together: more requests, more failures.
        next += 2 * callBytes
        next = next >= byteLength && offset % (2 * callBytes) === 0 ? callBytes : next
        await store.read(offset, target)
        expect(scanned.findWrongByte(offset, target)).toBeUndefined()
      }
    }
    await Promise.all(Array.from({ length: 8 }, reader))
    const { neededBytes, fetchedBytes, retries, retriesLeft, requests } = store.stats()
    expect(neededBytes).toBe(byteLength)
    expect(fetchedBytes).toBe(byteLength)
    expect(faults).toBeGreaterThan(0)
    expect(retries).toBe(faults)
    expect(retries).toBeLessThanOrEqual(retryBudgetMax + retryBudgetEarned * requests)
    expect(retriesLeft).toBeGreaterThan(0)
    await store.close()
  }, 120_000)

  it('is-nothing-to-a-program-that-maps-the-object', async () => {
    const mapped = new Pattern(64 * mib, seed)
    fake.s3.putGenerated('b', 'mapped', mapped.asObject())
    let faults = 0
    // The engine asks for much at once, so that there are few answers.
    failSometimes(6, randomFrom(seed), () => {
      faults += 1
    })
    const options = { bucket: 'b', key: 'mapped', client: fake.clientOptions }
    const { hashes, errors, stats } = await scan(options)
    console.log(`mapped scan: UMAP_S3_SEED=${seed}, ${faults} of ${fake.s3.requests.length} failed`)
    expect(faults).toBeGreaterThan(0)
    expect(hashes).toEqual(hashesOf(mapped))
    expect(errors).toEqual([])
    expect(stats.storeErrors).toBe(0)
  }, 60_000)
})
