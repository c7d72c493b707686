// The thread that keeps the store worker alive. It maps nothing and runs no store, so it can start
// a dead store worker again while the thread that maps regions is blocked in a fault. All messages
// pass through it, for it has to know which stores to open again.

import { parentPort, Worker, workerData } from 'node:worker_threads'
import { reportLine } from './direct-output.ts'
import type { HostReply, HostRequest, OpenRequest, SupervisorData } from './messages.ts'
import { RestartPolicy } from './restart-policy.ts'
import { storeLabel } from './store-label.ts'

const { execArgv } = workerData as SupervisorData
const opening = new Map<number, OpenRequest>()
const open = new Map<number, OpenRequest>()
const closing = new Set<number>()
const served = new Set<number>()
const policy = new RestartPolicy()
let worker: Worker | undefined
let isEnding = false

function startWorker(): Worker {
  const started = newWorker()
  let fault: unknown
  started.on('message', (reply: HostReply) => receiveReply(reply))
  started.on('error', (error) => {
    fault = error
  })
  started.on('exit', (code) => workerDied(started, code, fault))
  for (const hostId of served) {
    started.postMessage({ type: 'serve', hostId } satisfies HostRequest)
  }
  for (const request of open.values()) {
    started.postMessage({ ...request, again: true } satisfies HostRequest)
  }
  return started
}

function newWorker(): Worker {
  const url = new URL('./store-worker.js', import.meta.url)
  try {
    return new Worker(url, { execArgv: [...execArgv] })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_INVALID_EXEC_ARGV') {
      throw error
    }
    return new Worker(url, { execArgv: [] })
  }
}

function receiveReply(reply: HostReply): void {
  const { storeKey } = reply
  const request = opening.get(storeKey)
  opening.delete(storeKey)
  closing.delete(storeKey)
  if (reply.type === 'opened' && request !== undefined) {
    const { version } = reply.description
    open.set(storeKey, version === undefined ? request : { ...request, version })
  }
  parentPort?.postMessage(reply)
}

function receiveRequest(request: HostRequest): void {
  switch (request.type) {
    case 'open':
      opening.set(request.storeKey, request)
      if (worker === undefined) {
        policy.reset()
        worker = startWorker()
      }
      break
    case 'close':
      open.delete(request.storeKey)
      closing.add(request.storeKey)
      break
    case 'serve':
      served.add(request.hostId)
      break
    case 'unserve':
      served.delete(request.hostId)
      break
    case 'end':
      isEnding = true
      break
  }
  if (worker !== undefined) {
    worker.postMessage(request)
  } else {
    answerForNobody(request)
  }
}

// No worker runs, and none is going to.
function answerForNobody(request: HostRequest): void {
  if (request.type === 'close') {
    closing.delete(request.storeKey)
    parentPort?.postMessage({ type: 'closed', storeKey: request.storeKey } satisfies HostReply)
  } else if (request.type === 'end') {
    process.exit(0)
  }
}

function workerDied(dead: Worker, code: number, fault: unknown): void {
  if (isEnding) {
    process.exit(0)
  }
  if (dead !== worker) {
    return
  }
  worker = undefined
  const reason = deathReason(code, fault)
  failWhatWasUnderWay(reason)
  const delayMs = policy.delayAfterDeath(performance.now())
  const names = [...new Set([...open.values()].map(({ ref }) => storeLabel(ref)))].join(', ')
  const stores = names === '' ? 'no store was open' : `stores: ${names}`
  if (delayMs === undefined) {
    reportLine(`the store host died again: ${reason} (${stores}); giving it up`)
    return
  }
  reportLine(`the store host died: ${reason} (${stores}); restart ${policy.restart}`)
  setTimeout(() => {
    worker ??= startWorker()
  }, delayMs)
}

// A store that kills its thread while it opens or closes would do so again.
function failWhatWasUnderWay(reason: string): void {
  const error = {
    name: 'StoreError',
    message: `the store host died: ${reason}`,
    code: 'STORE_HOST_DIED',
    retryable: false,
  }
  for (const storeKey of opening.keys()) {
    parentPort?.postMessage({ type: 'failed', storeKey, error } satisfies HostReply)
  }
  for (const storeKey of closing) {
    parentPort?.postMessage({ type: 'closed', storeKey, error } satisfies HostReply)
  }
  opening.clear()
  closing.clear()
}

function deathReason(code: number, fault: unknown): string {
  if (fault instanceof Error) {
    const frame = fault.stack?.split('\n').find((line) => /^\s+at /.test(line))
    return `${fault.name}: ${fault.message}${frame === undefined ? '' : ` (${frame.trim()})`}`
  }
  return fault === undefined
    ? `a store called process.exit(${code}), or its thread was terminated`
    : `a store threw ${String(fault)}`
}

parentPort?.on('message', receiveRequest)
