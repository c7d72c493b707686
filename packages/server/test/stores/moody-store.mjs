// A store of 1 MiB of zeros that does what a file tells it: 'open' as usual, 'die' while it opens,
// 'refuse' to open, 'fail' writes for good, 'hang' in writes.
import { readFileSync } from 'node:fs'
import { StoreError } from '@umap/store'

/** @param {{ moodFile: string }} options */
export function openStore({ moodFile }) {
  const mood = () => readFileSync(moodFile, 'utf8')
  if (mood() === 'die') process.kill(process.pid, 'SIGKILL')
  if (mood() === 'refuse') throw new StoreError('not today', { code: 'STORE_UNKNOWN' })
  return {
    byteLength: 2 ** 20,
    capabilities: {
      writable: true,
      concurrencyMax: 4,
      callBytesMax: 2 ** 16,
      atomicFlush: false,
    },
    read: async () => 'hole',
    async write() {
      if (mood() === 'hang') await new Promise(() => undefined)
      if (mood() === 'fail') throw new StoreError('the disk is on fire', { code: 'EIO' })
    },
    async flush() {},
    async close() {},
  }
}
