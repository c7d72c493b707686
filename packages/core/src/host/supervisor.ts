// The thread that keeps alive what runs the stores. It maps nothing and runs no store, so it can
// start a dead runner again while the thread that maps regions is blocked in a fault. All messages
// pass through it, for it has to know which stores to open again.

import { parentPort, workerData } from 'node:worker_threads'
import { reportLine } from './direct-output.ts'
import type { HostReply, HostRequest, OpenRequest, SupervisorData } from './messages.ts'
import { startProcessRunner } from './process-runner.ts'
import { RestartPolicy } from './restart-policy.ts'
import { storeLabel } from './store-label.ts'
import type { StoreRunner } from './store-runner.ts'
import { startThreadRunner } from './thread-runner.ts'

const { place, execArgv } = workerData as SupervisorData
const opening = new Map<number, OpenRequest>()
const open = new Map<number, OpenRequest>()
const closing = new Set<number>()
const served = new Set<number>()
const policy = new RestartPolicy()
let runner: StoreRunner | undefined
let isEnding = false

function startRunner(): StoreRunner {
  const start = place === 'process' ? startProcessRunner : startThreadRunner
  const started = start(execArgv, {
    onReply: receiveReply,
    onDeath: (reason) => runnerDied(started, reason),
  })
  for (const hostId of served) {
    started.post({ type: 'serve', hostId })
  }
  for (const request of open.values()) {
    started.post({ ...request, again: true })
  }
  return started
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
      if (runner === undefined) {
        policy.reset()
        runner = startRunner()
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
  if (runner !== undefined) {
    runner.post(request)
  } else {
    answerForNobody(request)
  }
}

// Nothing runs the stores, and nothing is going to.
function answerForNobody(request: HostRequest): void {
  if (request.type === 'close') {
    closing.delete(request.storeKey)
    parentPort?.postMessage({ type: 'closed', storeKey: request.storeKey } satisfies HostReply)
  } else if (request.type === 'end') {
    process.exit(0)
  }
}

function runnerDied(dead: StoreRunner, reason: string): void {
  if (isEnding) {
    process.exit(0)
  }
  if (dead !== runner) {
    return
  }
  runner = undefined
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
    runner ??= startRunner()
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

parentPort?.on('message', receiveRequest)
