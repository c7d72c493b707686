// A writable store that keeps what is written in memory until flush(), when it goes to a file: what
// was not flushed is lost with the process. It can also end the process, run full or lie, as the
// variables of the environment below say, so that its options stay the same from run to run.

import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  truncateSync,
  writeSync,
} from 'node:fs'

/** SIGKILL at this call of write or flush, counted from 1; in the middle of a flush. */
const killAtCall = Number(process.env.TEST_KILL_AT_CALL ?? 0)
/** Writes beyond so many bytes fail with ENOSPC. */
const roomBytes = Number(process.env.TEST_ROOM_BYTES ?? Number.POSITIVE_INFINITY)
/** Each write takes so long. */
const writeDelayMs = Number(process.env.TEST_WRITE_DELAY_MS ?? 0)
/** The byte at this offset is stored wrongly. */
const wrongByteAt = Number(process.env.TEST_WRONG_BYTE_AT ?? -1)

let calls = 0
let writtenBytes = 0

function countCall() {
  calls += 1
  return calls === killAtCall
}

function endProcess() {
  process.kill(process.pid, 'SIGKILL')
}

/**
 * @param {{ path: string, create?: boolean, byteLength?: number }} options
 * @param {{ access?: string }} context
 */
export function openStore({ path, create, byteLength }, { access } = {}) {
  if (!existsSync(path)) {
    if (!create)
      throw Object.assign(new Error('there is no such store'), { code: 'FORGETFUL_NONE' })
    closeSync(openSync(path, 'w'))
    truncateSync(path, byteLength)
  }
  const fd = openSync(path, access === 'read-only' ? 'r' : 'r+')
  const { size } = fstatSync(fd)
  /** @type {Map<number, Uint8Array>} */
  const pending = new Map()
  let isClosed = false
  return {
    byteLength: size,
    capabilities: {
      writable: access !== 'read-only',
      concurrencyMax: 2,
      callBytesMax: 65_536,
      atomicFlush: false,
    },
    /** @param {number} offset @param {Uint8Array} target */
    read(offset, target) {
      readSync(fd, target, 0, target.length, offset)
      for (const [start, bytes] of pending) {
        const from = Math.max(start, offset)
        const to = Math.min(start + bytes.length, offset + target.length)
        if (from < to) target.set(bytes.subarray(from - start, to - start), from - offset)
      }
    },
    /** @param {number} offset @param {Uint8Array} source */
    async write(offset, source) {
      if (countCall()) endProcess()
      if (writeDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, writeDelayMs))
      writtenBytes += source.length
      if (writtenBytes > roomBytes) {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      }
      const bytes = Uint8Array.from(source)
      const wrongIndex = wrongByteAt - offset
      if (wrongIndex >= 0 && wrongIndex < bytes.length) bytes[wrongIndex] ^= 1
      pending.set(offset, bytes)
    },
    flush() {
      const isLast = countCall()
      for (const [offset, bytes] of pending) {
        writeSync(fd, bytes, 0, bytes.length, offset)
        if (isLast) endProcess()
        pending.delete(offset)
      }
      fsyncSync(fd)
    },
    close() {
      if (!isClosed) closeSync(fd)
      isClosed = true
    },
  }
}
