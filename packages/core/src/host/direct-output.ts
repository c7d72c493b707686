// Output that never waits for another thread. In a worker, `process.stdout` and the console hand
// every line to the main thread, which may be blocked in a fault that this thread has to answer.

import { Console } from 'node:console'
import { writeSync } from 'node:fs'
import type { Writable } from 'node:stream'

const stdoutFd = 1
const stderrFd = 2
const attemptsMax = 200
const pauseMs = 5

/** Writes one line to standard error, with `umap: ` in front. Never throws, never waits for long. */
export function reportLine(line: string): void {
  writeAll(stderrFd, Buffer.from(`umap: ${line}\n`))
}

/**
 * Makes `process.stdout` and `process.stderr` of this thread write to their descriptors, and every
 * method of `console` to standard error: the lines of a store are no output of the program.
 */
export function installDirectOutput(): void {
  writeDirectly(process.stdout, stdoutFd)
  writeDirectly(process.stderr, stderrFd)
  const direct = new Console(process.stderr, process.stderr)
  for (const [name, method] of Object.entries(direct)) {
    if (typeof method === 'function') {
      Reflect.set(console, name, method)
    }
  }
}

// The streams themselves stay: Node's worker calls into them. Only where they write is changed.
function writeDirectly(stream: Writable, fd: number): void {
  stream._write = (chunk: string | Uint8Array, encoding, done) => {
    writeAll(fd, typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
    done()
  }
  // Without it, many chunks are written one by one.
  Object.defineProperty(stream, '_writev', { value: null, configurable: true })
}

// A pipe whose reader is slow says EAGAIN. Lines are dropped in the end rather than faults held up.
function writeAll(fd: number, bytes: Uint8Array): void {
  let done = 0
  for (let attempt = 0; done < bytes.byteLength && attempt < attemptsMax; attempt++) {
    try {
      done += writeSync(fd, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
        return
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs)
    }
  }
}
