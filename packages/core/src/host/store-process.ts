// The process that runs JavaScript stores, with `host: 'process'`: its main thread. Started by the
// supervisor, and ends with it. Requests and replies come over Node's channel; calls of stores over
// the link that it inherits, their bytes through shared memory.

import { setEnvironmentData } from 'node:worker_threads'
import { loadNative } from '@umap/native'
import { exceptionReason } from './death-reason.ts'
import { type ProcessReply, processLinkFd, storeHostMark } from './messages.ts'
import { serveStores } from './store-serving.ts'

function send(message: ProcessReply, onSent?: () => void): void {
  // The supervisor being gone is the link's matter: this process ends by it.
  process.send?.(message, undefined, undefined, () => onSent?.())
}

if (process.send !== undefined) {
  // Threads that a store starts here must map no region either.
  setEnvironmentData(storeHostMark, true)
  const native = loadNative()
  native.hostLinkAccept(processLinkFd)
  process.on('disconnect', () => process.exit(0))
  process.on('uncaughtException', (error: unknown) => {
    send({ type: 'died', reason: exceptionReason(error) }, () => process.exit(1))
  })
  // A terminal or a service manager signals all processes of a program. This one ends with the
  // program, which may want its stores until it has closed its regions.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => undefined)
  }
  const receive = serveStores({
    native,
    reply: (message) => send(message),
    // A descriptor of this process means nothing in another one.
    describe({ capabilities: { nativeFd, nativeDirect, ...capabilities }, ...description }) {
      return { ...description, capabilities }
    },
  })
  process.on('message', receive)
}
