// Several threads count in one mapped file: every worker attaches to the region and adds with
// Atomics, while pages are written back and evicted under them. No count is lost.
// usage: node counter-workers.js FILE [WORKERS]
import { once } from 'node:events'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { attach, type RegionHandle, umap } from '@umap/core'
import { fileStore } from '@umap/store-file'

const counterCount = 256
const pageBytes = 4096
const addsPerWorker = 20_000
// One counter a page and a quarter of the pages in memory: most turns of the loop change pages.
const counterStride = pageBytes / Int32Array.BYTES_PER_ELEMENT
const buffer = { bytes: (counterCount * pageBytes) / 4 }

async function runMain(path: string, workerCount: number): Promise<void> {
  const store = fileStore({ path, create: true, byteLength: counterCount * pageBytes })
  // shared: true makes region.buffer a SharedArrayBuffer, so that Atomics work between threads.
  const region = await umap({ store, access: 'read-write', pageBytes, buffer, shared: true })
  const counters = region.view(Int32Array)
  const before = sum(counters)
  const exits = Array.from({ length: workerCount }, () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: region.handle })
    return once(worker, 'exit')
  })
  await Promise.all(exits)
  console.log(`${workerCount} workers added ${sum(counters) - before}`)
  const { evictions, writeBacks } = region.stats()
  console.log(`${evictions} evictions, ${writeBacks} write-backs`)
  await region.close()
}

async function runWorker(handle: RegionHandle): Promise<void> {
  const region = await attach(handle)
  const counters = region.view(Int32Array)
  for (let add = 0; add < addsPerWorker; add++) {
    Atomics.add(counters, Math.floor(Math.random() * counterCount) * counterStride, 1)
  }
  await region.close()
}

function sum(counters: Int32Array): number {
  let total = 0
  for (let index = 0; index < counterCount; index++) total += counters[index * counterStride]!
  return total
}

if (isMainThread) {
  const [path, workerCount = '3'] = process.argv.slice(2)
  if (path === undefined) throw new Error('usage: node counter-workers.js FILE [WORKERS]')
  await runMain(path, Number(workerCount))
} else {
  await runWorker(workerData as RegionHandle)
}
