// The file operations of the cache, on one open descriptor. Small writes to the table and the
// header are synchronous: the file then never lags behind what memory says. Any thread.

import { closeSync, fdatasync, ftruncateSync, read, unlinkSync, write, writeSync } from 'node:fs'

/** What the cache does with its file. Everything but `read` throws where it cannot do it all. */
export interface CacheIo {
  /** Fills `target` as far as the file reaches; resolves to the bytes that it had. */
  read(position: number, target: Uint8Array): Promise<number>
  write(position: number, source: Uint8Array): Promise<void>
  writeNow(position: number, source: Uint8Array): void
  /** Makes durable what was written. */
  sync(): Promise<void>
  /** Makes sure that what is in the file is never believed again: it is emptied, or has no name. */
  destroy(): void
  close(): void
}

/** The operations on a file that is open as `fd` and was found at `path`. */
export function fileCacheIo(fd: number, path: string): CacheIo {
  return {
    read: (position, target) => readAll(fd, position, target),
    write: (position, source) => writeAll(fd, position, source),
    writeNow(position, source) {
      for (let done = 0; done < source.byteLength; ) {
        done += writeSync(fd, source, done, source.byteLength - done, position + done)
      }
    },
    sync: () =>
      new Promise((resolve, reject) => {
        fdatasync(fd, (error) => (error ? reject(error) : resolve()))
      }),
    destroy() {
      try {
        ftruncateSync(fd, 0)
      } catch {
        unlinkSync(path)
      }
    },
    close: () => closeSync(fd),
  }
}

async function readAll(fd: number, position: number, target: Uint8Array): Promise<number> {
  let done = 0
  while (done < target.byteLength) {
    const count = await new Promise<number>((resolve, reject) => {
      read(fd, target, done, target.byteLength - done, position + done, (error, bytesRead) =>
        error ? reject(error) : resolve(bytesRead),
      )
    })
    if (count === 0) {
      break
    }
    done += count
  }
  return done
}

async function writeAll(fd: number, position: number, source: Uint8Array): Promise<void> {
  for (let done = 0; done < source.byteLength; ) {
    done += await new Promise<number>((resolve, reject) => {
      write(fd, source, done, source.byteLength - done, position + done, (error, written) =>
        error ? reject(error) : resolve(written),
      )
    })
  }
}
