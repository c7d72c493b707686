// The thread that runs JavaScript stores, with `host: 'worker'`. Started by the supervisor.

import { isMainThread, parentPort } from 'node:worker_threads'
import { loadNative } from '@umap/native'
import { serveStores } from './store-serving.ts'

if (!isMainThread) {
  const receive = serveStores({
    native: loadNative(),
    reply: (message) => parentPort?.postMessage(message),
    describe: (description) => description,
  })
  parentPort?.on('message', receive)
}
