// Worker threads that attach to a region; see workers/attached.mjs for what they can do.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { RegionHandle } from '@umap/core'
import { onTestFinished } from 'vitest'

/** A worker thread that obeys. */
export interface AttachedThread {
  readonly worker: Worker
  /** Resolves to what the action returned; rejects with its error. */
  ask(action: string, parameters?: object): Promise<unknown>
  terminate(): Promise<number>
}

/** Starts a thread and has it attach to the region of `handle`. */
export async function startAttached(handle: RegionHandle): Promise<AttachedThread> {
  const worker = new Worker(new URL('./workers/attached.mjs', import.meta.url), {
    workerData: { handle },
    execArgv: [],
  })
  const thread: AttachedThread = {
    worker,
    async ask(action, parameters = {}) {
      worker.postMessage({ action, ...parameters })
      const [answer] = (await once(worker, 'message')) as [{ ok?: unknown; error?: object }]
      if (answer.error !== undefined) {
        throw Object.assign(new Error('the thread failed'), answer.error)
      }
      return answer.ok
    },
    terminate: () => worker.terminate(),
  }
  onTestFinished(async () => {
    await worker.terminate()
  })
  await thread.ask('attach')
  return thread
}
