// Measured program: what the clients of `server` do, in one process that maps the file itself.
// `touch`: by as many threads as there are clients; `latency`: faults over the page cache.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Region } from '@umap/core'
import { touchesOnce } from './measure.ts'
import { openRegion } from './open-region.ts'
import { chooseMemory, printFigures, startProgram } from './options.ts'
import type { TouchWork } from './touch-worker.ts'

const options = startProgram()
const { fileBytes, bufferBytes, milliseconds, threads } = options
// Long enough for all threads to start before any of them begins.
const startMs = 300 + 150 * threads

async function touch(region: Region): Promise<Record<string, number>> {
  // A full buffer first.
  await region.prefault({ offset: 0, byteLength: Math.min(bufferBytes, fileBytes) })
  const startAt = Date.now() + startMs
  const workers = Array.from({ length: threads }, (_, seed) => {
    const work: TouchWork = { handle: region.handle, fileBytes, milliseconds, seed, startAt }
    return new Worker(new URL('./touch-worker.js', import.meta.url), { workerData: work })
  })
  const rates = await Promise.all(
    workers.map(async (worker) => {
      const exited = once(worker, 'exit')
      const [rate] = (await once(worker, 'message')) as [number]
      await exited
      return rate
    }),
  )
  return { touchesPerSecond: rates.reduce((sum, rate) => sum + rate, 0) }
}

async function latency(region: Region): Promise<Record<string, number>> {
  const values = region.view(Float64Array)
  return touchesOnce(fileBytes, (index) => values[index])
}

await using region = await openRegion(options)
const measure = chooseMemory(options, { touch: () => touch, latency: () => latency })
printFigures(await measure(region))
