// A store over one open file, in plain TypeScript over node:fs, for any system. On Linux the engine
// does the I/O itself on `capabilities.nativeFd` and calls only `close`; everything here must mean
// the same as its native path.

import { type PageStore, type StoreCapabilities, StoreError, storeErrorCodes } from '@umap/store'
import { toFlushError, toStoreError } from './errors.ts'

/** The calls of a `FileHandle` that a store makes. */
export interface FileCalls {
  readonly fd: number
  read(
    target: Uint8Array,
    targetOffset: number,
    byteLength: number,
    offset: number,
  ): Promise<{ bytesRead: number }>
  write(
    source: Uint8Array,
    sourceOffset: number,
    byteLength: number,
    offset: number,
  ): Promise<{ bytesWritten: number }>
  stat(): Promise<{ size: number }>
  datasync(): Promise<void>
  close(): Promise<void>
}

/** What a store knows of its file. */
export interface FileFacts {
  readonly path: string
  readonly byteLength: number
  readonly writable: boolean
  readonly direct: boolean
}

/** What a call may be given; both parts may be left out when a store is used by itself. */
export interface FileCallOptions {
  readonly signal?: AbortSignal
}

// One read() or write() moves less than 2 GiB on Linux, and Node refuses to ask for more.
const systemCallBytesMax = 2 ** 30
const zeros: Uint8Array = new Uint8Array(2 ** 20)

/** An open file as a {@link PageStore}, all of whose functions are there. */
export class FileStore implements PageStore {
  readonly byteLength: number
  readonly capabilities: StoreCapabilities
  readonly #file: FileCalls
  readonly #path: string
  readonly #inFlight = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined
  #flushed: Promise<unknown> = Promise.resolve()
  #flushFailure: StoreError | undefined

  /** Takes over `file`, which `close` closes. */
  constructor(file: FileCalls, facts: FileFacts) {
    this.#file = file
    this.#path = facts.path
    this.byteLength = facts.byteLength
    this.capabilities = Object.freeze({
      writable: facts.writable,
      concurrencyMax: 32,
      callBytesMax: 8 * 2 ** 20,
      atomicFlush: false,
      // Descriptors of Windows' C library mean nothing outside of it.
      ...(process.platform !== 'win32' && { nativeFd: file.fd }),
      ...(facts.direct && { nativeDirect: true }),
    })
  }

  /**
   * Fills `target`. Holes are read as zeros and not reported, for node:fs cannot find them.
   * Rejects with 'STORE_TRUNCATED' where the file has become shorter than it was.
   */
  read(offset: number, target: Uint8Array, options?: FileCallOptions): Promise<void> {
    return this.#run(() => this.#readAll(offset, target, options?.signal))
  }

  /** Writes all of `source`; on disk after `flush`. Never makes the file longer. */
  write(offset: number, source: Uint8Array, options?: FileCallOptions): Promise<void> {
    return this.#run(() => this.#writeAll(offset, source, options?.signal))
  }

  /**
   * Makes resolved writes durable with fdatasync(). After one failure every later flush rejects
   * with 'STORE_FLUSH_LOST', since nobody knows which bytes the kernel has dropped.
   */
  flush(): Promise<void> {
    return this.#run(() => {
      // One after the other: the kernel reports a lost write to one fdatasync() only, so that a
      // second one beside it could succeed.
      const flushed = this.#flushed.then(() => this.#flushNow())
      this.#flushed = flushed.catch(() => undefined)
      return flushed
    })
  }

  /** Writes zeros, which costs space: node:fs cannot punch a hole. The engine can. */
  discard(offset: number, byteLength: number): Promise<void> {
    return this.#run(() => this.#discardAll(offset, byteLength))
  }

  /** Closes the file once all calls have settled. Calls after it reject with 'STORE_CLOSED'. */
  close(): Promise<void> {
    this.#closing ??= this.#closeWhenIdle()
    return this.#closing
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new StoreError(`${this.#path} is closed`, { code: storeErrorCodes.closed })
    }
    const running = call()
    this.#inFlight.add(running)
    try {
      return await running
    } finally {
      this.#inFlight.delete(running)
    }
  }

  async #closeWhenIdle(): Promise<void> {
    await Promise.allSettled(this.#inFlight)
    try {
      await this.#file.close()
    } catch (error) {
      throw toStoreError(error, `close ${this.#path}`)
    }
  }

  async #readAll(offset: number, target: Uint8Array, signal?: AbortSignal): Promise<void> {
    this.#checkRange(offset, target.byteLength)
    let done = 0
    while (done < target.byteLength) {
      // Only between system calls: one that is under way still writes to `target`.
      signal?.throwIfAborted()
      const byteLength = Math.min(target.byteLength - done, systemCallBytesMax)
      const bytesRead = await this.#readSome(offset + done, target, done, byteLength)
      if (bytesRead === 0) {
        throw this.#truncated(offset + done)
      }
      done += bytesRead
    }
  }

  async #readSome(
    offset: number,
    target: Uint8Array,
    targetOffset: number,
    byteLength: number,
  ): Promise<number> {
    try {
      return (await this.#file.read(target, targetOffset, byteLength, offset)).bytesRead
    } catch (error) {
      throw toStoreError(error, `read ${byteLength} bytes at ${offset} of ${this.#path}`)
    }
  }

  async #writeAll(offset: number, source: Uint8Array, signal?: AbortSignal): Promise<void> {
    this.#checkWritable()
    this.#checkRange(offset, source.byteLength)
    signal?.throwIfAborted()
    await this.#checkLength()
    let done = 0
    while (done < source.byteLength) {
      signal?.throwIfAborted()
      const byteLength = Math.min(source.byteLength - done, systemCallBytesMax)
      done += await this.#writeSome(offset + done, source, done, byteLength)
    }
  }

  async #writeSome(
    offset: number,
    source: Uint8Array,
    sourceOffset: number,
    byteLength: number,
  ): Promise<number> {
    const doing = `write ${byteLength} bytes at ${offset} of ${this.#path}`
    let bytesWritten: number
    try {
      bytesWritten = (await this.#file.write(source, sourceOffset, byteLength, offset)).bytesWritten
    } catch (error) {
      throw toStoreError(error, doing)
    }
    if (bytesWritten === 0) {
      throw new StoreError(`cannot ${doing}: the system took nothing`, {
        code: 'EIO',
        retryable: true,
      })
    }
    return bytesWritten
  }

  async #discardAll(offset: number, byteLength: number): Promise<void> {
    this.#checkWritable()
    this.#checkRange(offset, byteLength)
    for (let done = 0; done < byteLength; done += zeros.byteLength) {
      const part = zeros.subarray(0, Math.min(zeros.byteLength, byteLength - done))
      await this.#writeAll(offset + done, part)
    }
  }

  async #flushNow(): Promise<void> {
    if (!this.capabilities.writable) {
      return
    }
    if (this.#flushFailure !== undefined) {
      throw new StoreError(`an earlier flush of ${this.#path} failed, bytes may be lost`, {
        code: storeErrorCodes.flushLost,
        cause: this.#flushFailure,
      })
    }
    try {
      await this.#file.datasync()
    } catch (error) {
      this.#flushFailure = toFlushError(error, this.#path)
      throw this.#flushFailure
    }
  }

  // A write past a new, nearer end would make the file long again, and its lost part zeros.
  async #checkLength(): Promise<void> {
    let size: number
    try {
      size = (await this.#file.stat()).size
    } catch (error) {
      throw toStoreError(error, `look at ${this.#path}`)
    }
    if (size < this.byteLength) {
      throw this.#truncated(size)
    }
  }

  #truncated(size: number): StoreError {
    return new StoreError(
      `${this.#path} ends at ${size}; it had ${this.byteLength} bytes when it was opened`,
      { code: storeErrorCodes.truncated },
    )
  }

  #checkWritable(): void {
    if (!this.capabilities.writable) {
      throw new StoreError(`${this.#path} was opened read-only`, {
        code: storeErrorCodes.readOnly,
      })
    }
  }

  #checkRange(offset: number, byteLength: number): void {
    const inside =
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(byteLength) &&
      offset >= 0 &&
      byteLength >= 0 &&
      offset + byteLength <= this.byteLength
    if (!inside) {
      throw new StoreError(
        `${byteLength} bytes at ${offset} are not inside ${this.#path}, ${this.byteLength} bytes`,
        { code: storeErrorCodes.range },
      )
    }
  }
}
