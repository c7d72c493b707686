// Worker processes of a Node cluster answer HTTP queries over one data set that is larger than its
// page buffer. The primary process serves the data set, so that a page which one worker has touched
// is there for all of them, and is in memory once.
// usage: node cluster-queries.js FILE [WORKERS] [QUERIES]. A FILE that does not exist is made.
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { umap } from '@umap/core'
import { connect, serve } from '@umap/server'
import { fileStore } from '@umap/store-file'

// Sales: 16 bytes each, the time in milliseconds and the amount, in the order of time.
const saleCount = 2 ** 21
const wordsPerSale = 2
const pageBytes = 16 * 1024
const buffer = { bytes: (saleCount * wordsPerSale * 8) / 4 }
const meanGapMs = 1000
const saleTime = (index: number) => index * meanGapMs + ((index * 7919) % meanGapMs)
const saleAmount = (index: number) => index % 97

async function makeSample(path: string): Promise<void> {
  const byteLength = saleCount * wordsPerSale * Float64Array.BYTES_PER_ELEMENT
  const store = fileStore({ path, create: true, byteLength })
  const region = await umap({ store, access: 'read-write', buffer })
  const sales = region.view(Float64Array)
  for (let index = 0; index < saleCount; index++) {
    sales[index * wordsPerSale] = saleTime(index)
    sales[index * wordsPerSale + 1] = saleAmount(index)
  }
  await region.close()
}

// Worker processes ------------------------------------------------------------------------------

/** The first sale at `time` or later: a binary search, which touches about twenty pages. */
function findSale(sales: Float64Array, time: number): number {
  let [low, high] = [0, sales.length / wordsPerSale]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sales[middle * wordsPerSale]! < time) low = middle + 1
    else high = middle
  }
  return low
}

function totalBetween(sales: Float64Array, from: number, to: number): number {
  const end = findSale(sales, to)
  let total = 0
  for (let index = findSale(sales, from); index < end; index++) {
    total += sales[index * wordsPerSale + 1]!
  }
  return total
}

async function runWorker(socket: string): Promise<void> {
  const client = await connect(socket)
  const region = await client.map('sales', { access: 'read-only' })
  const sales = region.view(Float64Array)
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
    const [from, to] = [Number(searchParams.get('from')), Number(searchParams.get('to'))]
    response.end(`${process.pid} ${totalBetween(sales, from, to)}`)
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  await once(process, 'message')
  server.closeAllConnections()
  server.close()
  await client.close()
  process.disconnect()
}

// The primary process ---------------------------------------------------------------------------

/** What the formula says that a query must answer. */
function expectedTotal(from: number, to: number): number {
  let total = 0
  const last = Math.min(saleCount, Math.ceil(to / meanGapMs) + 1)
  for (let index = Math.max(0, Math.floor(from / meanGapMs) - 1); index < last; index++) {
    if (saleTime(index) >= from && saleTime(index) < to) total += saleAmount(index)
  }
  return total
}

/** Asks random questions, several at a time; returns how many each worker has answered. */
async function askQueries(port: number, queries: number): Promise<Map<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const answered = new Map<string, number>()
  let left = queries
  const ask = async () => {
    while (left-- > 0) {
      const from = Math.floor(Math.random() * saleCount * meanGapMs)
      const to = from + Math.floor(Math.random() * 1000) * meanGapMs
      const request = get({ host: '127.0.0.1', port, path: `/?from=${from}&to=${to}`, agent })
      const [response] = await once(request, 'response')
      const [pid, total] = (await text(response)).split(' ') as [string, string]
      if (Number(total) !== expectedTotal(from, to)) {
        throw new Error(`${total} is not the total from ${from} to ${to}`)
      }
      answered.set(pid, (answered.get(pid) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: 8 }, ask))
  agent.destroy()
  return answered
}

/** Bytes of the data set that a process has mapped, and its share of them as the kernel counts. */
function mappedBytes(pid: number): { mapped: number; share: number } {
  const mappings = readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  const pages = mappings.filter((mapping) => mapping.split('\n', 1)[0]?.includes('/memfd:umap'))
  const sum = (field: string) =>
    pages.reduce((bytes, mapping) => {
      return bytes + Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(mapping)?.[1]) * 1024
    }, 0)
  return { mapped: sum('Rss'), share: sum('Pss') }
}

function reportMemory(workers: readonly Worker[]): void {
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
  const pids = [process.pid, ...workers.map((worker) => worker.process.pid ?? 0)]
  let [mapped, once] = [0, 0]
  for (const pid of pids) {
    const bytes = mappedBytes(pid)
    mapped += bytes.mapped
    once += bytes.share
    const name = pid === process.pid ? 'server' : 'worker'
    console.log(`${name} ${pid} maps ${mebibytes(bytes.mapped)} of pages`)
  }
  console.log(`all maps together ${mebibytes(mapped)}, memory counted once ${mebibytes(once)}`)
}

async function runPrimary(path: string, workerCount: number, queries: number): Promise<void> {
  if (!existsSync(path)) await makeSample(path)
  const socket = `${path}.socket`
  const sales = { store: fileStore({ path }), pageBytes }
  await using server = await serve({ socket, buffer, datasets: { sales } })
  const workers = Array.from({ length: workerCount }, () => cluster.fork({ UMAP_SOCKET: socket }))
  // All of them listen at one port, which the cluster gives out.
  const [port] = await Promise.all(
    workers.map(async (worker) => (await once(worker, 'message'))[0] as number),
  )
  const answered = await askQueries(port as number, queries)
  for (const [pid, count] of answered) console.log(`worker ${pid} answered ${count} queries`)
  reportMemory(workers)
  const region = (await server.stats()).datasets[0]?.region
  console.log(`${region?.fills} fills, ${region?.evictions} evictions for all of them`)
  for (const worker of workers) worker.send('end')
  await Promise.all(workers.map((worker) => once(worker, 'exit')))
}

if (cluster.isPrimary) {
  const [path, workerCount = '4', queries = '2000'] = process.argv.slice(2)
  if (path === undefined) throw new Error('usage: node cluster-queries.js FILE [WORKERS] [QUERIES]')
  await runPrimary(path, Number(workerCount), Number(queries))
} else {
  await runWorker(process.env.UMAP_SOCKET as string)
}
