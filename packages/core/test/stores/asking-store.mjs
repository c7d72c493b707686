// A store that asks the main thread before it answers, which cannot work while that thread is
// blocked in a fault.

import { BroadcastChannel } from 'node:worker_threads'

export function openStore() {
  return {
    byteLength: 65536,
    capabilities: { writable: false, concurrencyMax: 1, callBytesMax: 65536, atomicFlush: false },
    async read(_offset, target) {
      const channel = new BroadcastChannel('asking-store')
      const answer = new Promise((resolve) => {
        channel.onmessage = resolve
      })
      channel.postMessage('may I?')
      await answer
      target.fill(1)
    },
    close() {},
  }
}
