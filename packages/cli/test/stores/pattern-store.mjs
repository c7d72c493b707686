// A read-only store whose bytes follow from a seed, with holes, and nothing behind it. A small
// store for tests of `umap cp`.

/**
 * @typedef {object} PatternOptions
 * @property {number} byteLength
 * @property {number} seed
 * @property {number} [holeEvery] each so many parts of 64 KiB begin with a hole of one part
 * @property {number} [failAt] a read that covers this offset fails
 * @property {string} [secret] must never be printed
 */

const partBytes = 65_536
/** SIGKILL at this read, counted from 1. */
const killAtRead = Number(process.env.TEST_KILL_AT_READ ?? 0)
/** The first byte of each read is another one each time. */
const isUnsteady = process.env.TEST_UNSTEADY === '1'
let reads = 0

/** @param {number} seed @param {number} part @param {Uint8Array} bytes */
function fillPart(seed, part, bytes) {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(part + 1, 0x85ebca6b)) >>> 0
  for (let index = 0; index < bytes.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[index] = state >>> 24
  }
}

/** All bytes of such a store. @param {PatternOptions} options */
export function patternBytes({ byteLength, seed, holeEvery = 4 }) {
  const bytes = Buffer.alloc(byteLength)
  for (let part = 0; part * partBytes < byteLength; part++) {
    if (part % holeEvery === 0) continue
    fillPart(seed, part, bytes.subarray(part * partBytes, (part + 1) * partBytes))
  }
  return bytes
}

/** @param {PatternOptions} options */
export function openStore(options) {
  const { byteLength, failAt } = options
  const bytes = patternBytes(options)
  const capabilities = {
    writable: false,
    concurrencyMax: 3,
    callBytesMax: partBytes,
    atomicFlush: false,
  }
  return {
    byteLength,
    capabilities,
    // From the environment, so that the options stay the same from run to run.
    version: process.env.TEST_PATTERN_VERSION,
    /** @param {number} offset @param {Uint8Array} target */
    async read(offset, target) {
      reads += 1
      if (reads === killAtRead) process.kill(process.pid, 'SIGKILL')
      if (failAt !== undefined && offset <= failAt && failAt < offset + target.length) {
        throw Object.assign(new Error('the source is gone'), { code: 'PATTERN_GONE' })
      }
      const part = bytes.subarray(offset, offset + target.length)
      if (part.every((byte) => byte === 0)) return 'hole'
      target.set(part)
      if (isUnsteady) target[0] = reads
      return undefined
    },
    close() {},
  }
}
