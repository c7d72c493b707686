// Disk space for bytes that wait for a flush: a file of equal slots that nobody else can see. Calls
// are synchronous on purpose: libuv's pool may be full of threads that are blocked in faults which
// only this thread can answer.

import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { isRetryableCode, StoreError, storeErrorCodes } from '@umap/store'

/** Slots of `slotBytes` in a temporary file, which is made when the first one is taken. */
export class StagingFile {
  readonly slotBytes: number
  readonly #directory: string
  readonly #path: string | undefined
  readonly #free: number[] = []
  #slotCount = 0
  #file: { readonly fd: number; readonly leftover?: string } | undefined

  /** In `directory`, without a name; with `filePath` under that, and left there by `close`. */
  constructor(directory: string, slotBytes: number, filePath?: string) {
    this.#directory = directory
    this.#path = filePath
    this.slotBytes = slotBytes
  }

  get usedBytes(): number {
    return (this.#slotCount - this.#free.length) * this.slotBytes
  }

  /** The number of a slot that is nobody's; what is in it is undefined. */
  take(): number {
    const slot = this.#free.pop() ?? this.#slotCount
    this.#slotCount = Math.max(this.#slotCount, slot + 1)
    return slot
  }

  /** Takes over the slots of an earlier opening of the same file. */
  adopt(slots: ReadonlySet<number>): void {
    for (const slot of slots) {
      this.#slotCount = Math.max(this.#slotCount, slot + 1)
    }
    for (let slot = 0; slot < this.#slotCount; slot++) {
      if (!slots.has(slot)) {
        this.#free.push(slot)
      }
    }
  }

  /** Gives a slot back. The disk space comes back when all slots are free. */
  give(slot: number): void {
    this.#free.push(slot)
    if (this.#free.length === this.#slotCount && this.#file !== undefined) {
      this.#free.length = 0
      this.#slotCount = 0
      ftruncateSync(this.#file.fd, 0)
    }
  }

  /** Throws a `StoreError` with the system's code: 'ENOSPC', 'EIO'. */
  write(slot: number, at: number, bytes: Uint8Array): void {
    const position = slot * this.slotBytes + at
    this.#attempt('write to', () => {
      const { fd } = this.#open()
      for (let done = 0; done < bytes.byteLength; ) {
        done += writeSync(fd, bytes, done, bytes.byteLength - done, position + done)
      }
    })
  }

  /** Throws a `StoreError` with the system's code. */
  read(slot: number, at: number, target: Uint8Array): void {
    const position = slot * this.slotBytes + at
    this.#attempt('read from', () => {
      const { fd } = this.#open()
      for (let done = 0; done < target.byteLength; ) {
        const count = readSync(fd, target, done, target.byteLength - done, position + done)
        if (count === 0) {
          throw new Error(`the file ends before ${position + target.byteLength}`)
        }
        done += count
      }
    })
  }

  close(): void {
    const file = this.#file
    this.#file = undefined
    if (file !== undefined) {
      closeSync(file.fd)
      if (file.leftover !== undefined) {
        unlinkSync(file.leftover)
      }
    }
  }

  #open(): { readonly fd: number } {
    if (this.#file === undefined && this.#path !== undefined) {
      this.#file = { fd: openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600) }
    }
    if (this.#file === undefined) {
      const file = path.join(this.#directory, `umap-s3-${randomBytes(8).toString('hex')}`)
      const fd = openSync(file, 'wx+', 0o600)
      // Without a name nothing is left behind, however this process ends. Windows keeps names.
      const keepsName = process.platform === 'win32'
      this.#file = { fd, ...(keepsName && { leftover: file }) }
      if (!keepsName) {
        unlinkSync(file)
      }
    }
    return this.#file
  }

  #attempt(doing: string, call: () => void): void {
    try {
      call()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new StoreError(
        `cannot ${doing} the staging file in ${this.#directory}: ${(error as Error).message}`,
        {
          code: code ?? storeErrorCodes.unknown,
          retryable: code !== undefined && isRetryableCode(code),
          cause: error,
        },
      )
    }
  }
}
