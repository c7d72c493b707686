// The store itself: blocks of a data set, each in a file of its own; a block that has no file is a
// hole. Put your back end in the place of the functions at the end (loadBlock, saveBlock,
// removeBlock, syncBlocks); what stands before them is what any store of blocks needs.

import { open, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { StoreError, storeErrorCodes } from '@umap/store'
import { errorCode, toStoreError } from './errors.mjs'

/** Bytes of a block: what the back end reads and writes as one. */
const blockBytes = 64 * 1024

/**
 * An open data set.
 * @implements {import('@umap/store').PageStore}
 */
export class SampleStore {
  #directory
  /** The end of the queue of each block that is in use: calls may meet in a block. */
  #queues = new Map()
  #inFlight = new Set()
  /** Blocks that were written and are not durable yet. */
  #unflushed = new Set()
  #flushed = Promise.resolve()
  /** @type {Promise<void> | undefined} */
  #closing

  /** @param {string} directory @param {number} byteLength @param {boolean} writable */
  constructor(directory, byteLength, writable) {
    this.#directory = directory
    this.byteLength = byteLength
    this.capabilities = Object.freeze({
      writable,
      concurrencyMax: 8,
      callBytesMax: 16 * blockBytes,
      atomicFlush: false,
    })
  }

  /**
   * Fills all of `target`, or says that nothing was ever written there.
   * @param {number} offset
   * @param {Uint8Array} target
   * @param {{ signal?: AbortSignal }} [options]
   */
  read(offset, target, options) {
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

  /**
   * Writes all of `source`; durable after `flush`.
   * @param {number} offset
   * @param {Uint8Array} source
   * @param {{ signal?: AbortSignal }} [options]
   */
  write(offset, source, options) {
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

  /**
   * The range reads as zeros from now on; whole blocks cost no space any more.
   * @param {number} offset
   * @param {number} byteLength
   */
  discard(offset, byteLength) {
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
  flush() {
    return this.#run(0, 0, () => {
      // One after the other: what an earlier one has taken is durable only when that one is done.
      const flushed = this.#flushed.then(() => this.#flushNow())
      this.#flushed = flushed.catch(() => undefined)
      return flushed
    })
  }

  /** Idempotent; waits for calls in flight. Makes nothing durable. */
  close() {
    this.#closing ??= Promise.allSettled(this.#inFlight).then(() => undefined)
    return this.#closing
  }

  [Symbol.asyncDispose]() {
    return this.close()
  }

  async #flushNow() {
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

  async #blockForChange(block) {
    return (await loadBlock(this.#directory, block)) ?? new Uint8Array(blockBytes)
  }

  #change(offset, byteLength, changePart) {
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
  async #inTurn(block, call) {
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

  async #run(offset, byteLength, call) {
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

/** The parts of a range that lie in one block each: [from, to) of the range, `start` in the block. */
function* partsOf(offset, byteLength) {
  for (let from = 0; from < byteLength; ) {
    const start = (offset + from) % blockBytes
    const to = Math.min(from + blockBytes - start, byteLength)
    yield { block: (offset + from - start) / blockBytes, start, from, to }
    from = to
  }
}

// From here on: the back end.

function fileOf(directory, block) {
  return path.join(directory, `${String(block).padStart(10, '0')}.block`)
}

/** The bytes of a block, undefined where it was never written. */
async function loadBlock(directory, block) {
  let bytes
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
async function saveBlock(directory, block, bytes) {
  const file = fileOf(directory, block)
  try {
    await writeFile(`${file}.new`, bytes, { flush: true })
    await rename(`${file}.new`, file)
  } catch (error) {
    throw toStoreError(error, `write block ${block} of ${directory}`)
  }
}

async function removeBlock(directory, block) {
  try {
    await unlink(fileOf(directory, block))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      throw toStoreError(error, `discard block ${block} of ${directory}`)
    }
  }
}

/** Makes durable what happened to these blocks. Their bytes are; their names are not yet. */
async function syncBlocks(directory, blocks) {
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
