// The thread that runs JavaScript stores: started by the supervisor, called by the engine. It never
// touches region memory, and it writes its output without waiting for any other thread. When it
// dies, the supervisor starts it again, and the engine repeats the calls that were in flight.

import { isMainThread, parentPort } from 'node:worker_threads'
import { type HostCall, loadNative } from '@umap/native'
import { serializeError } from '@umap/store'
import { installDirectOutput, reportLine } from './direct-output.ts'
import type { HostReply, HostRequest, OpenRequest } from './messages.ts'
import { StoreCalls } from './store-calls.ts'

const native = loadNative()
const calls = new StoreCalls()
const arenas = new Map<number, ArrayBuffer>()

function reply(message: HostReply): void {
  parentPort?.postMessage(message)
}

async function open(request: OpenRequest): Promise<void> {
  const { storeKey } = request
  try {
    const store = await calls.adopt(request)
    if (store !== undefined) {
      const { byteLength, capabilities, version } = store
      const description = {
        byteLength,
        capabilities: { ...capabilities },
        canDiscard: store.discard !== undefined,
        ...(version !== undefined && { version }),
      }
      reply({ type: 'opened', storeKey, description })
    }
  } catch (error) {
    reply({ type: 'failed', storeKey, error: serializeError(error) })
  }
}

async function close(storeKey: number): Promise<void> {
  try {
    await calls.close(storeKey)
    reply({ type: 'closed', storeKey })
  } catch (error) {
    reply({ type: 'closed', storeKey, error: serializeError(error) })
  }
}

function serve(hostId: number): void {
  const complete = (token: number, outcome: 0 | 1 | 2, errorJson?: string) =>
    errorJson === undefined
      ? native.hostComplete(hostId, token, outcome)
      : native.hostComplete(hostId, token, outcome, errorJson)
  const arena = native.hostServe(hostId, (call: HostCall) => {
    if (arena.byteLength === 0) {
      // Only a new worker gets a new view of the arena: this one cannot serve any more.
      throw new Error('a store transferred the memory that it was called with to another thread')
    }
    calls.run(call, arena, complete)
  })
  arenas.set(hostId, arena)
}

async function end(): Promise<void> {
  await calls.closeAll()
  process.exit(0)
}

function receive(request: HostRequest): void {
  switch (request.type) {
    case 'open':
      void open(request)
      break
    case 'close':
      void close(request.storeKey)
      break
    case 'serve':
      serve(request.hostId)
      break
    case 'unserve':
      arenas.delete(request.hostId)
      break
    case 'end':
      void end()
      break
  }
}

if (!isMainThread) {
  installDirectOutput()
  // A rejection that nobody handles is a store's fault that leaves its calls as they were. An
  // exception that nobody catches may have been the end of a call, so it ends this worker.
  process.on('unhandledRejection', (reason) => {
    const { name, message } = serializeError(reason)
    const stores = calls.labels().join(', ') || 'no store is open'
    reportLine(`unhandled rejection in the store host (${stores}): ${name}: ${message}`)
  })
  parentPort?.on('message', receive)
}
