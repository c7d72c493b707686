// A process that works on a cached store until it kills itself in the middle of a file operation of
// the cache. Started by cache-kill.test.ts with the directory, the seed and the operation to die at.

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { cacheStore } from '@umap/store'

export const blockBytes = 512
export const byteLength = 40 * blockBytes + 77
export const cacheOptions = { bytes: 4096 + 16 * (blockBytes + 128), blockBytes }

/**
 * A store whose state is one file that each flush replaces: a version, then the bytes.
 * @param {string} directory
 */
export function fileBackedStore(directory) {
  const file = path.join(directory, 'data')
  const state = readFileSync(file)
  let version = state.readUInt32LE(0)
  const bytes = Buffer.from(state.subarray(4))
  return {
    byteLength: bytes.byteLength,
    capabilities: { writable: true, concurrencyMax: 4, callBytesMax: 4096, atomicFlush: true },
    get version() {
      return `${directory}:${version}`
    },
    /** @param {number} offset @param {Uint8Array} target */
    async read(offset, target) {
      target.set(bytes.subarray(offset, offset + target.byteLength))
    },
    /** @param {number} offset @param {Uint8Array} source */
    async write(offset, source) {
      bytes.set(source, offset)
    },
    async flush() {
      version += 1
      const head = Buffer.alloc(4)
      head.writeUInt32LE(version)
      writeFileSync(`${file}.new`, Buffer.concat([head, bytes]))
      renameSync(`${file}.new`, file)
    },
    close() {},
  }
}

/** @param {number} seed */
function randomOf(seed) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** @param {string} directory @param {number} seed @param {number} dieAt */
async function work(directory, seed, dieAt) {
  const random = randomOf(seed)
  let operations = 0
  const die = () => process.kill(process.pid, 'SIGKILL')
  const store = fileBackedStore(directory)
  const options = { path: path.join(directory, 'cache'), ...cacheOptions }
  const wrapIo = (io) => ({
    ...io,
    async write(position, source) {
      operations += 1
      const writing = io.write(position, source)
      if (operations === dieAt) {
        // Beside the write, so that it is there, is not there, or is there in part.
        setImmediate(die)
      }
      await writing
    },
    writeNow(position, source) {
      operations += 1
      if (operations === dieAt) {
        if (random() < 0.5) {
          io.writeNow(position, source.subarray(0, Math.floor(random() * source.byteLength)))
        }
        die()
      }
      io.writeNow(position, source)
    },
  })
  const cache = await cacheStore(store, options, {}, { wrapIo })
  const { signal } = new AbortController()
  for (;;) {
    const block = Math.floor(random() * 40)
    const count = 1 + Math.floor(random() * 4)
    const offset = block * blockBytes
    const bytes = new Uint8Array(Math.min(count * blockBytes, byteLength - offset))
    const choice = random()
    if (choice < 0.6) {
      await cache.read(offset, bytes, { signal })
    } else if (choice < 0.9) {
      await cache.write(offset, bytes.fill(1 + Math.floor(random() * 255)), { signal })
    } else {
      await cache.flush()
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [directory, seed, dieAt] = process.argv.slice(2)
  await work(String(directory), Number(seed), Number(dieAt))
}
