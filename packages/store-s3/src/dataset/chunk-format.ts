// The bytes of a chunk object: blocks, each behind a checksum of its own, so that any run of blocks
// can be fetched with one ranged GET and verified by itself. Pure.

import { crc32 } from 'node:zlib'
import { type ChunkName, chunkKey } from './chunk-table.ts'

/** Bytes of the checksum in front of each block. */
export const checksumBytes = 4

/** How a chunk is cut into blocks. */
export interface ChunkShape {
  /** Bytes of data in the chunk; the last chunk of a data set may have fewer than the others. */
  readonly dataBytes: number
  readonly blockBytes: number
}

/** Number of blocks in a chunk. The last one may be short. */
export function blockCount({ dataBytes, blockBytes }: ChunkShape): number {
  return Math.ceil(dataBytes / blockBytes)
}

/** Size of the object of a chunk, or of its first `blocks` blocks. */
export function objectBytes(shape: ChunkShape, blocks: number = blockCount(shape)): number {
  return Math.min(blocks * shape.blockBytes, shape.dataBytes) + blocks * checksumBytes
}

/** The object of a chunk whose bytes are `data`, to be stored under `name`. */
export function encodeChunk(data: Uint8Array, shape: ChunkShape, name: ChunkName): Buffer {
  const object = Buffer.allocUnsafe(objectBytes(shape))
  for (let block = 0; block < blockCount(shape); block++) {
    const from = block * shape.blockBytes
    const bytes = data.subarray(from, Math.min(from + shape.blockBytes, shape.dataBytes))
    const at = objectBytes(shape, block)
    object.writeUInt32LE(checksum(bytes, name, block), at)
    object.set(bytes, at + checksumBytes)
  }
  return object
}

/**
 * Block `block` out of `bytes`, which begin with block `firstBlock` of the object `name`.
 * Undefined where the checksum does not fit, or where bytes are missing.
 */
export function decodeBlock(
  bytes: Uint8Array,
  firstBlock: number,
  block: number,
  shape: ChunkShape,
  name: ChunkName,
): Uint8Array | undefined {
  const base = objectBytes(shape, firstBlock)
  const from = objectBytes(shape, block) - base
  const to = objectBytes(shape, block + 1) - base
  if (bytes.byteLength < to) {
    return undefined
  }
  const data = bytes.subarray(from + checksumBytes, to)
  const view = new DataView(bytes.buffer, bytes.byteOffset + from, checksumBytes)
  return view.getUint32(0, true) === checksum(data, name, block) ? data : undefined
}

// Seeded with the place, so that right bytes of another object or another block are wrong ones.
function checksum(data: Uint8Array, name: ChunkName, block: number): number {
  return crc32(data, crc32(`${chunkKey(name)}/${block}`))
}
