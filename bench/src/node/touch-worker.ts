// A thread of `server-in-process`: random float64 reads of a region that another thread opened. Posts
// its touches per second.
import { parentPort, workerData } from 'node:worker_threads'
import { attach, type RegionHandle } from '@umap/core'
import { touchFor } from './measure.ts'
import { waitUntil } from './options.ts'

/** What the thread is told. */
export interface TouchWork {
  readonly handle: RegionHandle
  readonly fileBytes: number
  readonly milliseconds: number
  readonly seed: number
  /** Date.now() at the first touch. */
  readonly startAt: number
}

const { handle, fileBytes, milliseconds, seed, startAt } = workerData as TouchWork
await using region = await attach(handle)
const values = region.view(Float64Array)
await waitUntil(startAt)
parentPort?.postMessage(touchFor(milliseconds, fileBytes / 8, (index) => values[index], seed))
