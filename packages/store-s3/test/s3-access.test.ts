// The access itself: conditional writes whose answers are lost, listings, deletions, what is sent.
// That every request is signed and framed properly is the fake's business.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CheckedClientOptions } from '../dist/options.js'
import { openS3Access, type S3Access } from '../dist/s3-access.js'
import type { FakeRequest, Fault } from './fake/fake-s3.ts'
import { useFake } from './fake/use-fake.ts'

const fake = useFake()
const one = Buffer.from('the first version')
const two = Buffer.from('the next version!')
let s3: S3Access

beforeEach(async () => {
  fake.s3.objects.clear()
  s3 = await openS3Access('b', fake.clientOptions as CheckedClientOptions)
})
afterEach(() => s3.close())

/** Lets `fault` happen to the first request of a kind. */
function once(operation: FakeRequest['operation'], fault: Fault): void {
  let done = false
  fake.s3.script = (request) => {
    const isFirst = request.operation === operation && !done
    done ||= isFirst
    return isFirst ? fault : undefined
  }
}

async function stored(key: string): Promise<string> {
  return (await s3.get(key)).body.toString()
}

describe('a conditional write', () => {
  it('writes-where-the-condition-holds', async () => {
    const { etag } = await s3.put('k', one, { ifNoneMatch: '*' })
    expect(await s3.head('k')).toEqual({ byteLength: one.byteLength, etag })
    await s3.put('k', two, { ifMatch: etag })
    expect(await stored('k')).toBe(two.toString())
  })

  it('is-a-conflict-where-another-writer-was-faster', async () => {
    fake.s3.put('b', 'k', one)
    const conflict = { name: 'StoreError', code: 'S3_CONFLICT', retryable: false }
    await expect(s3.put('k', two, { ifNoneMatch: '*' })).rejects.toMatchObject(conflict)
    const ifMatch = `"${'0'.repeat(32)}"`
    await expect(s3.put('k', two, { ifMatch })).rejects.toMatchObject(conflict)
    await expect(s3.put('absent', two, { ifMatch })).rejects.toMatchObject(conflict)
    expect(await stored('k')).toBe(one.toString())
    expect(fake.s3.keys('b')).toEqual(['k'])
  })

  const wonButLost: Fault[] = [
    { kind: 'doneButReset' },
    { kind: 'doneButStatus', status: 500, code: 'InternalError' },
    { kind: 'doneButStatus', status: 412, code: 'PreconditionFailed' },
    { kind: 'doneButStatus', status: 503, code: 'SlowDown' },
  ]

  it('that-won-has-won-though-its-answer-says-otherwise', async () => {
    for (const fault of wonButLost) {
      const old = fake.s3.put('b', 'k', one)
      once('put', fault)
      const { etag } = await s3.put('k', two, { ifMatch: old })
      expect(await s3.head('k'), JSON.stringify(fault)).toMatchObject({ etag })
      expect(await stored('k')).toBe(two.toString())
      fake.s3.objects.delete('b/k')
      once('put', fault)
      await s3.put('k', two, { ifNoneMatch: '*' })
      expect(await stored('k')).toBe(two.toString())
    }
  })

  it('that-another-one-followed-is-a-conflict-not-a-success', async () => {
    const old = fake.s3.put('b', 'k', one)
    fake.s3.script = ({ operation }) => {
      if (operation !== 'put') {
        return undefined
      }
      queueMicrotask(() => fake.s3.put('b', 'k', Buffer.from('of the other one!')))
      return { kind: 'doneButReset' }
    }
    await expect(s3.put('k', two, { ifMatch: old })).rejects.toMatchObject({ code: 'S3_CONFLICT' })
  })

  it('is-tried-again-where-the-server-could-not-decide', async () => {
    once('put', { kind: 'status', status: 409, code: 'ConditionalRequestConflict' })
    await s3.put('k', one, { ifNoneMatch: '*' })
    expect(await stored('k')).toBe(one.toString())
  })
})

describe('a write', () => {
  it('sends-a-view-of-larger-memory-exactly', async () => {
    const memory = new Uint8Array(new SharedArrayBuffer(100)).map((_, index) => index)
    await s3.put('k', memory.subarray(10, 20))
    expect([...(await s3.get('k')).body]).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    expect(s3.stats()).toMatchObject({ sentBytes: 10 })
  })

  it('that-was-damaged-on-its-way-is-sent-again', async () => {
    once('put', { kind: 'status', status: 400, code: 'XAmzContentSHA256Mismatch' })
    await s3.put('k', one)
    expect(s3.stats()).toMatchObject({ retries: 1, sentBytes: 2 * one.byteLength })
  })
})

describe('a read of a whole object', () => {
  it('verifies-the-checksum-that-the-server-has', async () => {
    fake.s3.put('b', 'k', one)
    for (const fault of [{ kind: 'wrongChecksum' }, { kind: 'corrupt' }] as const) {
      once('get', fault)
      expect(await stored('k')).toBe(one.toString())
    }
    expect(s3.stats().retries).toBe(2)
  })

  it('takes-what-comes-where-the-server-has-none', async () => {
    fake.s3.sendsChecksums = false
    fake.s3.put('b', 'k', one)
    expect(await stored('k')).toBe(one.toString())
    fake.s3.sendsChecksums = true
  })

  it('of-nothing-is-nothing', async () => {
    fake.s3.put('b', 'k', Buffer.alloc(0))
    expect((await s3.get('k')).body.byteLength).toBe(0)
    await expect(s3.get('absent')).rejects.toMatchObject({ code: 'S3_NOT_FOUND' })
  })
})

describe('listing and deleting', () => {
  it('goes-through-all-pages-and-through-odd-keys', async () => {
    fake.s3.listKeysMax = 3
    const odd = ['p/&<>"', 'p/ü ö', 'p/a+b%20', "p/'", 'p/x', 'p/y', 'p/z']
    for (const key of [...odd, 'q/other']) {
      await s3.put(key, Buffer.from(key))
    }
    const found = []
    for await (const entry of s3.list('p/')) {
      found.push(entry)
    }
    expect(found.map(({ key }) => key).sort()).toEqual([...odd].sort())
    expect(found[0]).toMatchObject({
      byteLength: Buffer.byteLength(found[0]?.key ?? ''),
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      lastModified: expect.any(Date),
    })
    await s3.delete([...odd, 'p/absent'])
    expect(fake.s3.keys('b')).toEqual(['q/other'])
    fake.s3.listKeysMax = 1000
  })

  it('says-what-could-not-be-deleted-and-deletes-the-rest', async () => {
    for (const key of ['a', 'b', 'c']) {
      fake.s3.put('b', key, one)
    }
    fake.s3.script = ({ key }) =>
      key === 'b' ? { kind: 'status', status: 403, code: 'AccessDenied' } : undefined
    await expect(s3.delete(['a', 'b', 'c'])).rejects.toMatchObject({
      code: 'S3_ACCESS_DENIED',
      message: expect.stringContaining('b/b'),
    })
    expect(fake.s3.keys('b')).toEqual(['b'])
  })

  it('head-of-nothing-is-undefined', async () => {
    expect(await s3.head('absent')).toBeUndefined()
  })
})
