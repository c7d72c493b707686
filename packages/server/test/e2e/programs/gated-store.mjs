// A store for tests whose reads wait until a file exists. Page n begins with the number n + 1.
// Runs in the worker of a server; asks the file system now and then, as nothing else reaches it.
import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

const pageBytes = 4096

export function openStore({ gate, byteLength }) {
  return {
    byteLength,
    capabilities: { writable: false, concurrencyMax: 4, callBytesMax: 65536, atomicFlush: false },
    async read(offset, target) {
      while (!existsSync(gate)) await setTimeout(10)
      target.fill(0)
      const view = new DataView(target.buffer, target.byteOffset, target.byteLength)
      for (let at = 0; at < target.byteLength; at += pageBytes) {
        view.setFloat64(at, (offset + at) / pageBytes + 1, true)
      }
    },
    close() {},
  }
}
