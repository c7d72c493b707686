// Measures an object mapped over S3 against the SDK alone, on the server that the tests use or on
// UMAP_TEST_S3_ENDPOINT: how long a fault takes, and how fast a scan is. Rounds take turns, medians
// are printed. `node packages/store-s3/bench/measure.mjs [rounds]`, on a quiet machine.
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { umap } from '@umap/core'
import { s3Store } from '@umap/store-s3'
import { startServer } from './server.mjs'

const mib = 2 ** 20
const objectBytes = 256 * mib
const bufferBytes = 64 * mib
const touchesMax = 400
const rounds = Number(process.argv[2] ?? 5)
const getBytes = 4 * mib
const getsAtOnce = 16

/** @param {number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** @param {number[]} values @param {number} share */
function percentile(values, share) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN
}

const server = await startServer()
process.env.AWS_REGION ??= 'us-east-1'
const client = new S3Client({ endpoint: server.endpoint, forcePathStyle: true })
const object = { Bucket: `umap-bench-${Date.now()}`, Key: 'object' }

/** @param {number} from @param {number} byteLength */
async function get(from, byteLength) {
  const Range = `bytes=${from}-${from + byteLength - 1}`
  const { Body } = await client.send(new GetObjectCommand({ ...object, Range }))
  return (await Body?.transformToByteArray()) ?? new Uint8Array()
}

/** @param {Uint8Array} bytes */
function sum(bytes) {
  let total = 0
  for (let offset = 0; offset < bytes.byteLength; offset += 4096) total += bytes[offset] ?? 0
  return total
}

/** @param {number} pageBytes */
function map(pageBytes) {
  const store = s3Store({
    bucket: object.Bucket,
    key: object.Key,
    client: { endpoint: server.endpoint },
  })
  return umap({ store, pageBytes, buffer: { bytes: bufferBytes } })
}

/** MB/s of a scan with the SDK. */
async function scanSdk() {
  const startMs = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: getsAtOnce }, async () => {
      while (next < objectBytes) {
        const from = next
        next += getBytes
        sum(await get(from, getBytes))
      }
    }),
  )
  return objectBytes / 1000 / (performance.now() - startMs)
}

/** MB/s of a scan through a region. @param {number} pageBytes */
async function scanUmap(pageBytes) {
  await using region = await map(pageBytes)
  const startMs = performance.now()
  sum(region.view(Uint8Array))
  return objectBytes / 1000 / (performance.now() - startMs)
}

/** Offsets of pages, each once, in a random order. @param {number} pageBytes */
function randomOffsets(pageBytes) {
  const pages = new Set()
  const touches = Math.min(touchesMax, objectBytes / pageBytes / 2)
  while (pages.size < touches) pages.add(Math.floor((Math.random() * objectBytes) / pageBytes))
  return [...pages].map((page) => page * pageBytes)
}

/** Milliseconds of each touch of an absent page. @param {number} pageBytes */
async function faultUmap(pageBytes) {
  await using region = await map(pageBytes)
  const bytes = region.view(Uint8Array)
  let total = 0
  return randomOffsets(pageBytes).map((offset) => {
    const startMs = performance.now()
    total += bytes[offset] ?? 0
    return performance.now() - startMs + 0 * total
  })
}

/** Milliseconds of each GET. @param {number} byteLength */
async function faultSdk(byteLength) {
  const times = []
  for (const offset of randomOffsets(byteLength)) {
    const startMs = performance.now()
    await get(offset, byteLength)
    times.push(performance.now() - startMs)
  }
  return times
}

async function measure() {
  for (const pageBytes of [4096, 65_536, mib]) {
    /** @type {number[][]} */
    const ours = []
    /** @type {number[][]} */
    const peer = []
    for (let round = 0; round < rounds; round++) {
      ours.push(await faultUmap(pageBytes))
      peer.push(await faultSdk(pageBytes))
    }
    const show = (/** @type {number[][]} */ runs) =>
      [0.5, 0.99].map((share) => median(runs.map((run) => percentile(run, share))).toFixed(2))
    console.log(`fault ${pageBytes} B: p50/p99 ms umap ${show(ours)}, SDK ${show(peer)}`)
  }
  for (const pageBytes of [65_536, mib]) {
    const ours = []
    const peer = []
    for (let round = 0; round < rounds; round++) {
      ours.push(await scanUmap(pageBytes))
      peer.push(await scanSdk())
    }
    const [mine, theirs] = [median(ours), median(peer)]
    console.log(
      `scan with pages of ${pageBytes} B: umap ${mine.toFixed(0)} MB/s, SDK ${getsAtOnce} GETs of ` +
        `${getBytes} B at once ${theirs.toFixed(0)} MB/s, ratio ${(mine / theirs).toFixed(2)}`,
    )
  }
}

try {
  await client.send(new CreateBucketCommand({ Bucket: object.Bucket }))
  const Body = Buffer.alloc(objectBytes, Buffer.from('not all the same'))
  await client.send(new PutObjectCommand({ ...object, Body }))
  await measure()
  await client.send(new DeleteObjectCommand(object))
  await client.send(new DeleteBucketCommand({ Bucket: object.Bucket }))
} finally {
  client.destroy()
  await server.end()
}
