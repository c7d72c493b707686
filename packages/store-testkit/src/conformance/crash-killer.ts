// A thread that kills its process when its time has come: a store whose flush is synchronous holds
// the main thread until it has ended. Loaded by crash-program.ts, in the main thread and the other.

import { once } from 'node:events'
import { isMainThread, Worker, workerData } from 'node:worker_threads'

/** Kills this process. */
export interface Killer {
  /** Kills it when `delayMs` have passed. */
  killAfter(delayMs: number): void
  /** Never resolves: the process ends first. */
  readonly ended: Promise<unknown>
}

/** Starts the thread, and resolves when it waits. */
export async function startKiller(): Promise<Killer> {
  const memory = new SharedArrayBuffer(16)
  const worker = new Worker(new URL(import.meta.url), { workerData: memory, execArgv: [] })
  await once(worker, 'online')
  const { armed, delayMs } = viewsOf(memory)
  return {
    killAfter(ms) {
      delayMs[0] = ms
      Atomics.store(armed, 0, 1)
      Atomics.notify(armed, 0)
    },
    ended: once(worker, 'exit'),
  }
}

function viewsOf(memory: SharedArrayBuffer) {
  return { armed: new Int32Array(memory, 0, 1), delayMs: new Float64Array(memory, 8, 1) }
}

if (!isMainThread && workerData instanceof SharedArrayBuffer) {
  const { armed, delayMs } = viewsOf(workerData)
  Atomics.wait(armed, 0, 0)
  Atomics.wait(armed, 0, 1, delayMs[0])
  process.kill(process.pid, 'SIGKILL')
}
