// Measures data sets with chunks of several sizes: writing in order, flushing scattered pages, and
// reading scattered pages, on the server that the tests use or on UMAP_TEST_S3_ENDPOINT.
// `node packages/store-s3/bench/measure-chunks.mjs [data MiB]`, on a quiet machine.
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { openStore } from '@umap/store-s3'
import { startServer } from './server.mjs'

const mib = 2 ** 20
const dataBytes = Number(process.argv[2] ?? 128) * mib
const pageBytes = 64 * 1024
const scatteredPages = 64
const callBytes = 4 * mib

/** @param {() => Promise<unknown>} work */
async function secondsOf(work) {
  const startMs = performance.now()
  await work()
  return (performance.now() - startMs) / 1000
}

const server = await startServer()
process.env.AWS_REGION ??= 'us-east-1'
const { endpoint } = server
const bucket = `umap-chunks-${Date.now()}`
const client = new S3Client({ endpoint, forcePathStyle: true })
await client.send(new CreateBucketCommand({ Bucket: bucket }))
client.destroy()

const { signal } = new AbortController()
const bytes = Buffer.alloc(callBytes, 'some bytes that are not zero')
const pages = Array.from({ length: scatteredPages }, (_, index) => {
  return ((index * 2_654_435_761) % (dataBytes / pageBytes)) * pageBytes
})

for (const chunkBytes of [mib / 4, mib, 4 * mib, 16 * mib]) {
  const prefix = `chunks-${chunkBytes}`
  const options = {
    bucket,
    prefix,
    byteLength: dataBytes,
    chunkBytes,
    create: true,
    client: { endpoint },
  }
  const store = await openStore(options, { access: 'read-write' })
  const writeSeconds = await secondsOf(async () => {
    for (let offset = 0; offset < dataBytes; offset += callBytes) {
      await store.write?.(offset, bytes, { signal })
    }
    await store.flush?.()
  })
  const sentBefore = store.stats().sentBytes
  const scatterSeconds = await secondsOf(async () => {
    for (const offset of pages) {
      await store.write?.(offset, bytes.subarray(3, 3 + pageBytes), { signal })
    }
    await store.flush?.()
  })
  const sent = store.stats().sentBytes - sentBefore
  await store.close()
  const reader = await openStore(options, { access: 'read-only' })
  const latenciesMs = []
  for (const offset of pages) {
    const target = Buffer.alloc(pageBytes)
    latenciesMs.push(1000 * (await secondsOf(async () => reader.read(offset, target, { signal }))))
  }
  const { readAmplification } = reader.stats()
  const scanSeconds = await secondsOf(async () => {
    const reads = []
    for (let offset = 0; offset < dataBytes; offset += callBytes) {
      reads.push(reader.read(offset, Buffer.alloc(callBytes), { signal }))
    }
    await Promise.all(reads)
  })
  await reader.close()
  console.log(
    `chunks of ${chunkBytes / mib} MiB: write and flush ${(dataBytes / mib / writeSeconds).toFixed(0)} MiB/s, ` +
      `flush of ${scatteredPages} scattered pages ${(1000 * scatterSeconds).toFixed(0)} ms and ` +
      `${(sent / scatteredPages / pageBytes).toFixed(1)} times their bytes, ` +
      `page read p50 ${latenciesMs.toSorted((a, b) => a - b)[scatteredPages >> 1]?.toFixed(1)} ms ` +
      `(amplification ${readAmplification.toFixed(3)}), scan ${(dataBytes / mib / scanSeconds).toFixed(0)} MiB/s`,
  )
}
await server.end()
