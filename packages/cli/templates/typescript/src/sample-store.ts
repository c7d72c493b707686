// The store itself: blocks of a data set, each in a file of its own; a block that has no file is a
// hole. Put your back end in the place of the functions at the end (loadBlock, saveBlock,
// removeBlock, syncBlocks); what stands before them is what any store of blocks needs.

import { open, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  type PageStore,
  type StoreCallOptions,
  type StoreCapabilities,
  StoreError,
  storeErrorCodes,
} from '@umap/store'
import { errorCode, toStoreError } from './errors.ts'

/** Bytes of a block: what the back end reads and writes as one. */
const blockBytes = 64 * 1024

/** An open data set. */
export class SampleStore implements PageStore {
  readonly byteLength: number
  readonly capabilities: StoreCapabilities
  readonly #directory: string
  /** The end of the queue of each block that is in use: calls may meet in a block. */
  readonly #queues = new Map<number, Promise<void>>()
  readonly #inFlight = new Set<Promise<unknown>>()
  /** Blocks that were written and are not durable yet. */
  #unflushed = new Set<number>()
  #flushed: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(directory: string, byteLength: number, writable: boolean) {
    this.#directory = directory
    this.byteLength = byteLength
    this.capabilities = Object.freeze({
      writable,
      concurrencyMax: 8,
      callBytesMax: 16 * blockBytes,
      atomicFlush: false,
    })
  }

  /** Fills all of `target`, or says that nothing was ever written there. */
  read(offset: number, target: Uint8Array, options?: Partial<StoreCallOptions>) {
    return this.#run(offset, target.byteLength, async () => {
      let isHole = true
      for (const part of partsOf(offset, target.byteLength)) {
        options?.signal?.throwIfAborted()
        const block = await loadBlock(this.#directory, part.block)
        const bytes = target.subarray(part.from, part.to)
        if (block === undefined) {
          bytes.fill(0)
        } else {
          bytes.set(block.subarray(part.start, part.start + bytes.byteLength))
          isHole = false
        }
      }
      return isHole ? 'hole' : undefined
    })
  }

  /** Writes all of `source`; durable after `flush`. */
  write(offset: number, source: Uint8Array, options?: Partial<StoreCallOptions>): Promise<void> {
    return this.#change(offset, source.byteLength, async (part) => {
      options?.signal?.throwIfAborted()
      const bytes = source.subarray(part.from, part.to)
      const isWhole = bytes.byteLength === blockBytes
      const block = isWhole ? bytes : await this.#blockForChange(part.block)
      if (!isWhole) {
        block.set(bytes, part.start)
      }
      await saveBlock(this.#directory, part.block, block)
    })
  }

  /** The range reads as zeros from now on; whole blocks cost no space any more. */
  discard(offset: number, byteLength: number): Promise<void> {
    return this.#change(offset, byteLength, async (part) => {
      const end = part.start + (part.to - part.from)
      const isTail = part.block * blockBytes + end === this.byteLength
      if (part.start === 0 && (end === blockBytes || isTail)) {
        await removeBlock(this.#directory, part.block)
        return
      }
      const block = await this.#blockForChange(part.block)
      block.fill(0, part.start, end)
      await saveBlock(this.#directory, part.block, block)
    })
  }

  /** Makes durable what was written by calls that had resolved before this one. */
  flush(): Promise<void> {
    return this.#run(0, 0, () => {
      // One after the other: what an earlier one has taken is durable only when that one is done.
      const flushed = this.#flushed.then(() => this.#flushNow())
      this.#flushed = flushed.catch(() => undefined)
      return flushed
    })
  }

  /** Idempotent; waits for calls in flight. Makes nothing durable. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#inFlight).then(() => undefined)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #flushNow(): Promise<void> {
    const blocks = this.#unflushed
    this.#unflushed = new Set()
    try {
      await syncBlocks(this.#directory, blocks)
    } catch (error) {
      // They are not durable: the next flush must not say that all is well.
      for (const block of blocks) {
        this.#unflushed.add(block)
      }
      throw error
    }
  }

  async #blockForChange(block: number): Promise<Uint8Array> {
    return (await loadBlock(this.#directory, block)) ?? new Uint8Array(blockBytes)
  }

  #change(
    offset: number,
    byteLength: number,
    changePart: (part: Part) => Promise<void>,
  ): Promise<void> {
    return this.#run(offset, byteLength, async () => {
      if (!this.capabilities.writable) {
        throw new StoreError(`${this.#directory} was opened read-only`, {
          code: storeErrorCodes.readOnly,
        })
      }
      for (const part of partsOf(offset, byteLength)) {
        await this.#inTurn(part.block, async () => {
          await changePart(part)
          this.#unflushed.add(part.block)
        })
      }
    })
  }

  // Two calls that change different parts of one block would each lose the part of the other.
  async #inTurn(block: number, call: () => Promise<void>): Promise<void> {
    const turn = (this.#queues.get(block) ?? Promise.resolve()).then(call)
    const end = turn.catch(() => undefined)
    this.#queues.set(block, end)
    try {
      await turn
    } finally {
      if (this.#queues.get(block) === end) {
        this.#queues.delete(block)
      }
    }
  }

  async #run<T>(offset: number, byteLength: number, call: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new StoreError(`${this.#directory} is closed`, { code: storeErrorCodes.closed })
    }
    const isInside = offset >= 0 && byteLength >= 0 && offset + byteLength <= this.byteLength
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(byteLength) || !isInside) {
      throw new StoreError(`${byteLength} bytes at ${offset} are not in ${this.#directory}`, {
        code: storeErrorCodes.range,
      })
    }
    const running = call()
    this.#inFlight.add(running)
    try {
      return await running
    } finally {
      this.#inFlight.delete(running)
    }
  }
}

/** The part of a range that lies in one block: [from, to) of the range, `start` in the block. */
interface Part {
  readonly block: number
  readonly start: number
  readonly from: number
  readonly to: number
}

function* partsOf(offset: number, byteLength: number): Generator<Part> {
  for (let from = 0; from < byteLength; ) {
    const start = (offset + from) % blockBytes
    const to = Math.min(from + blockBytes - start, byteLength)
    yield { block: (offset + from - start) / blockBytes, start, from, to }
    from = to
  }
}

// From here on: the back end.

function fileOf(directory: string, block: number): string {
  return path.join(directory, `${String(block).padStart(10, '0')}.block`)
}

/** The bytes of a block, undefined where it was never written. */
async function loadBlock(directory: string, block: number): Promise<Uint8Array | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(fileOf(directory, block))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined
    }
    throw toStoreError(error, `read block ${block} of ${directory}`)
  }
  if (bytes.byteLength !== blockBytes) {
    throw new StoreError(`block ${block} of ${directory} has lost bytes`, {
      code: storeErrorCodes.truncated,
    })
  }
  return bytes
}

/** Replaces a block; whoever reads it meanwhile sees the old bytes or the new ones. */
async function saveBlock(directory: string, block: number, bytes: Uint8Array): Promise<void> {
  const file = fileOf(directory, block)
  try {
    await writeFile(`${file}.new`, bytes, { flush: true })
    await rename(`${file}.new`, file)
  } catch (error) {
    throw toStoreError(error, `write block ${block} of ${directory}`)
  }
}

async function removeBlock(directory: string, block: number): Promise<void> {
  try {
    await unlink(fileOf(directory, block))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      throw toStoreError(error, `discard block ${block} of ${directory}`)
    }
  }
}

/** Makes durable what happened to these blocks. Their bytes are; their names are not yet. */
async function syncBlocks(directory: string, blocks: ReadonlySet<number>): Promise<void> {
  if (blocks.size === 0) {
    return
  }
  try {
    const handle = await open(directory, 'r')
    await handle.sync().finally(() => handle.close())
  } catch (error) {
    throw toStoreError(error, `make ${directory} durable`)
  }
}
