// Objects on a real server, mapped: a scan through a small buffer, a server that is away for a
// while in the middle of it, objects that change, and what a server says that refuses.

import { PutObjectCommand } from '@aws-sdk/client-s3'
import { openStore, type S3ClientOptions } from '@umap/store-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../dist/object-store.js'
import { Pattern } from './fake/pattern.ts'
import { hashesOf, scan } from './scan.ts'
import { s3TestServer } from './server/s3-server.ts'

const mib = 2 ** 20
// The length of the outage.
const awaySeconds = Number(process.env.UMAP_TEST_S3_AWAY_SECONDS ?? 20)
const server = await s3TestServer()

// Without a server, which the run says at its end.
// skipped: there is no S3 server
describe.skipIf(server === undefined)('an object on a real server', () => {
  let bucket = ''
  const pattern = new Pattern(14 * mib + 12_345, 11)
  const big = Array.from({ length: 4 }, (_, index) => new Pattern(14 * mib, index))
  const clientOptions = server?.clientOptions ?? {}

  async function put(key: string, body: Uint8Array): Promise<void> {
    await server?.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))
  }

  beforeAll(async () => {
    bucket = (await server?.makeBucket()) ?? ''
    await put('pattern', pattern.slice(0, pattern.byteLength))
    await put('long', Buffer.concat(big.map((part) => part.slice(0, part.byteLength))))
  }, 60_000)
  afterAll(() => server?.close())

  it('is-read-through-a-small-buffer-byte-by-byte', async () => {
    const found = await scan({ bucket, key: 'pattern', client: clientOptions })
    expect(found.hashes).toEqual(hashesOf(pattern))
    expect(found.errors).toEqual([])
  })

  // skipped: somebody else's server is not stopped
  it.skipIf(server?.ownsGateways === false)(
    'goes-on-by-itself-when-the-server-was-away',
    async () => {
      const gateway = (await server?.startGateway()) ?? 0
      const client = { ...clientOptions, endpoint: `http://127.0.0.1:${gateway}` }
      const found = await scan({ bucket, key: 'long', client }, async (goOn) => {
        await server?.stopGateway(gateway)
        goOn()
        // The outage itself, not a wait for something.
        await new Promise((resolve) => setTimeout(resolve, awaySeconds * 1000))
        await server?.startGateway(gateway)
      })
      expect(found.hashes).toEqual(big.flatMap(hashesOf))
      // Else the scan did not need the server, and this showed nothing.
      expect(found.seconds).toBeGreaterThan(awaySeconds)
      expect(found.errors).toEqual([])
      await server?.stopGateway(gateway)
    },
    60_000 + awaySeconds * 1000,
  )

  it('that-was-changed-is-an-error', async () => {
    await put('changing', pattern.slice(0, 100_000))
    const options = { bucket, key: 'changing', client: clientOptions }
    const store = (await openStore(options)) as ObjectStore
    await store.read(0, new Uint8Array(1000))
    await put('changing', pattern.slice(1, 100_001))
    await expect(store.read(0, new Uint8Array(1000))).rejects.toMatchObject({ code: 'S3_CHANGED' })
    await store.close()
  })

  it('takes-many-reads-at-once-and-fetches-nothing-in-vain', async () => {
    const options = { bucket, key: 'pattern', client: clientOptions }
    const store = (await openStore(options)) as ObjectStore
    const pages = Array.from({ length: 200 }, (_, index) => index * 65_536)
    await Promise.all(
      pages.map(async (offset) => {
        const target = new Uint8Array(4096)
        await store.read(offset, target)
        expect(pattern.findWrongByte(offset, target)).toBeUndefined()
      }),
    )
    expect(store.stats()).toMatchObject({ readAmplification: 1, retries: 0, requests: 201 })
    await store.close()
  })

  it('is-refused-by-name', async () => {
    const open = (options: { bucket?: string; key?: string; client?: S3ClientOptions }) =>
      openStore({ bucket, key: 'pattern', client: clientOptions, ...options })
    await expect(open({ key: 'absent' })).rejects.toMatchObject({ code: 'S3_NOT_FOUND' })
    await expect(open({ bucket: 'no-such-bucket' })).rejects.toMatchObject({
      code: 'S3_NOT_FOUND',
    })
    const module = new URL('fake/credentials.mjs', import.meta.url).href
    const client = { ...clientOptions, module }
    // A HEAD's answer has no body, so that the server cannot say which of the two it is.
    await expect(open({ client })).rejects.toMatchObject({
      code: expect.stringMatching(/^S3_(CREDENTIALS|ACCESS_DENIED)$/),
    })
  })
})
