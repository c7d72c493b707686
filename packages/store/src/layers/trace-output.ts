// Where the trace layer's lines go: a file that is appended to, or standard error. Written at once,
// so that a process that is killed leaves all lines but the last; never throws once it is open.

import { closeSync, openSync, writeSync } from 'node:fs'
import { isRetryableCode, readProperty, StoreError, storeErrorCodes } from '../store-error.ts'

/** Takes one object a line. */
export interface TraceOutput {
  write(record: object): void
  close(): void
}

const stderrFd = 2

/** Opens the file at `path` for appending, or standard error where there is no path. */
export function openTraceOutput(path: string | undefined): TraceOutput {
  const fd = path === undefined ? stderrFd : openFile(path)
  let isOpen = true
  let dropped = 0
  return {
    write(record) {
      if (!isOpen) {
        return
      }
      // What was cut off by a full disk becomes a line of its own.
      const gap = dropped === 0 ? '' : `\n${JSON.stringify({ op: 'trace', dropped })}\n`
      if (writeLine(fd, `${gap}${JSON.stringify(record)}\n`)) {
        dropped = 0
      } else {
        dropped += 1
      }
    },
    close() {
      if (isOpen && fd !== stderrFd) {
        closeSync(fd)
      }
      isOpen = false
    },
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'a', 0o600)
  } catch (error) {
    const code = readProperty(error, 'code')
    const known = typeof code === 'string' ? code : storeErrorCodes.unknown
    throw new StoreError(`cannot open ${path} for the trace: ${known}`, {
      code: known,
      retryable: isRetryableCode(known),
      cause: error,
    })
  }
}

// False when the line was not written: the disk is full, the pipe's reader is slow.
function writeLine(fd: number, line: string): boolean {
  const bytes = Buffer.from(line)
  try {
    return writeSync(fd, bytes) === bytes.byteLength
  } catch {
    return false
  }
}
