// Runs stores in a worker thread. Called by the supervisor.

import { Worker } from 'node:worker_threads'
import { exceptionReason, threadExitReason } from './death-reason.ts'
import type { HostReply } from './messages.ts'
import type { RunnerEvents, StoreRunner } from './store-runner.ts'
import { youngGenerationMb } from './young-generation.ts'

const resourceLimits = { maxYoungGenerationSizeMb: youngGenerationMb }

/** Starts the thread, with those of the program's Node flags that a worker can have. */
export function startThreadRunner(execArgv: readonly string[], events: RunnerEvents): StoreRunner {
  const worker = startWorker(execArgv)
  let reason: string | undefined
  worker.on('message', (reply: HostReply) => events.onReply(reply))
  worker.on('error', (error) => {
    reason = exceptionReason(error)
  })
  worker.on('exit', (code) => events.onDeath(reason ?? threadExitReason(code)))
  return { post: (request) => worker.postMessage(request) }
}

function startWorker(execArgv: readonly string[]): Worker {
  const url = new URL('./store-worker.js', import.meta.url)
  try {
    return new Worker(url, { execArgv: [...execArgv], resourceLimits })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_INVALID_EXEC_ARGV') {
      throw error
    }
    return new Worker(url, { execArgv: [], resourceLimits })
  }
}
