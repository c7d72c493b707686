// A store that reads a file through libuv's thread pool, as most stores in JavaScript do.

import { open } from 'node:fs/promises'

export async function openStore({ path }) {
  const file = await open(path, 'r')
  return {
    byteLength: (await file.stat()).size,
    capabilities: { writable: false, concurrencyMax: 4, callBytesMax: 65536, atomicFlush: false },
    async read(offset, target) {
      await file.read(target, 0, target.byteLength, offset)
    },
    close: () => file.close(),
  }
}
