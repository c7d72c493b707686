// An open data set as a PageStore. Calls are done when they return, so that the host answers them
// from inside a native wait; only a busy database makes one asynchronous. Runs in the store host.

import { randomUUID } from 'node:crypto'
import { type PageStore, type StoreCapabilities, StoreError, storeErrorCodes } from '@umap/store'
import { type Connection, whileBusy } from './connection.ts'
import { isBusy, isLostSync, toStoreError } from './errors.ts'
import type { OpenedDataSet } from './open-database.ts'
import { PageTable } from './page-table.ts'
import type { WriterLock } from './writer-lock.ts'

/** What a call may be given; it may be left out when a store is used by itself. */
export interface SqliteCallOptions {
  readonly signal?: AbortSignal
}

/** How long a write or a flush waits for other writers of the database. */
const busyWaitMs = 5000
/** Longer calls let faults wait, and shorter ones slow scans down. */
const callBytesMax = 2 ** 20

/** One data set as a {@link PageStore}. */
export class SqliteStore implements PageStore {
  readonly byteLength: number
  readonly capabilities: StoreCapabilities
  readonly #connection: Connection
  readonly #label: string
  readonly #lock: WriterLock | undefined
  readonly #table: PageTable
  readonly #waiting = new Set<Promise<void>>()
  #version: string
  #flushFailure: StoreError | undefined
  #isClosed = false
  #closing: Promise<void> | undefined

  /** Takes over what was opened; `close` closes it. */
  constructor(opened: OpenedDataSet) {
    this.#connection = opened.connection
    this.#label = opened.label
    this.#lock = opened.lock
    this.#table = new PageTable(opened.connection, {
      ...opened.dataSet,
      label: opened.label,
      isWriter: opened.lock !== undefined,
    })
    this.#version = opened.dataSet.version
    this.byteLength = opened.dataSet.byteLength
    this.capabilities = Object.freeze({
      writable: opened.lock !== undefined,
      concurrencyMax: 4,
      callBytesMax,
      atomicFlush: true,
    })
  }

  /** Names the state of the last flush: another one after each flush that changed something. */
  get version(): string {
    return this.#version
  }

  /**
   * Fills `target`. A writer sees what it wrote; a reader sees the state that was the last flush's
   * when it was opened. Throws 'SQLITE_CHECKSUM' for a page whose bytes are not those written.
   */
  read(offset: number, target: Uint8Array): 'hole' | undefined {
    this.#check(offset, target.byteLength)
    try {
      return this.#table.read(offset, target) || target.byteLength === 0 ? undefined : 'hole'
    } catch (error) {
      throw toStoreError(error, `read ${target.byteLength} bytes at ${offset} of ${this.#label}`)
    }
  }

  /** Stages `source`: all or, where it throws, nothing. Others see it once it was flushed. */
  write(offset: number, source: Uint8Array, options?: SqliteCallOptions): Promise<void> | void {
    this.#check(offset, source.byteLength)
    this.#checkWritable()
    return this.#unlessBusy(
      () => this.#table.write(offset, source),
      `write ${source.byteLength} bytes at ${offset} of ${this.#label}`,
      options?.signal,
    )
  }

  /**
   * Publishes and makes durable what was staged, in one transaction. One that failed changed
   * nothing and may be repeated, save where the disk lost bytes: then every later one throws
   * 'STORE_FLUSH_LOST'.
   */
  flush(): Promise<void> | void {
    this.#check(0, 0)
    return this.capabilities.writable
      ? this.#unlessBusy(() => this.#flushNow(), `flush ${this.#label}`)
      : undefined
  }

  /** Stages holes; the rows go with the next flush. */
  discard(offset: number, byteLength: number): Promise<void> | void {
    this.#check(offset, byteLength)
    this.#checkWritable()
    return this.#unlessBusy(
      () => this.#table.discard(offset, byteLength),
      `discard ${byteLength} bytes at ${offset} of ${this.#label}`,
    )
  }

  /** Forgets what was not flushed, and closes the connection. */
  close(): Promise<void> {
    this.#isClosed = true
    this.#closing ??= this.#closeWhenIdle()
    return this.#closing
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #closeWhenIdle(): Promise<void> {
    await Promise.allSettled(this.#waiting)
    try {
      if (this.capabilities.writable && this.#table.hasStaged()) {
        this.#table.dropStaged()
      }
    } catch {
      // On a full disk, say. The next writer drops it.
    }
    try {
      this.#connection.close()
    } catch (error) {
      throw toStoreError(error, `close ${this.#label}`)
    } finally {
      this.#lock?.release()
    }
  }

  #flushNow(): void {
    if (this.#flushFailure !== undefined) {
      throw new StoreError(`an earlier flush of ${this.#label} failed, bytes may be lost`, {
        code: storeErrorCodes.flushLost,
        cause: this.#flushFailure,
      })
    }
    if (!this.#table.hasStaged()) {
      return
    }
    const version = randomUUID()
    try {
      this.#table.flush(version)
      this.#version = version
    } catch (error) {
      if (!isLostSync(error)) {
        throw error
      }
      const { code, message } = toStoreError(error, `make ${this.#label} durable`)
      this.#flushFailure = new StoreError(message, { code, cause: error })
      throw this.#flushFailure
    }
  }

  // At once where that is possible; the thread has other stores to serve, so it never sleeps long.
  #unlessBusy(call: () => void, doing: string, signal?: AbortSignal): Promise<void> | void {
    try {
      return call()
    } catch (error) {
      if (!isBusy(error)) {
        throw toStoreError(error, doing)
      }
    }
    const waiting = whileBusy(call, busyWaitMs, signal).catch((error) => {
      throw signal?.aborted === true ? error : toStoreError(error, doing)
    })
    this.#waiting.add(waiting)
    return waiting.finally(() => this.#waiting.delete(waiting))
  }

  #check(offset: number, byteLength: number): void {
    if (this.#isClosed) {
      throw new StoreError(`${this.#label} is closed`, { code: storeErrorCodes.closed })
    }
    const isInside =
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(byteLength) &&
      offset >= 0 &&
      byteLength >= 0 &&
      offset + byteLength <= this.byteLength
    if (!isInside) {
      throw new StoreError(
        `${byteLength} bytes at ${offset} are not inside ${this.#label}, ${this.byteLength} bytes`,
        { code: storeErrorCodes.range },
      )
    }
  }

  #checkWritable(): void {
    if (!this.capabilities.writable) {
      throw new StoreError(`${this.#label} was opened read-only`, {
        code: storeErrorCodes.readOnly,
      })
    }
  }
}
