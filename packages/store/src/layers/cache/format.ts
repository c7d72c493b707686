// How the cache file looks: one header, a table with an entry for each slot and for each group of
// holes, then the slots. Little-endian. Pure: encodes and decodes, and does no I/O.
//
// An entry is valid only where its checksum holds, it stands at its own place, it carries the id of
// the header, and its epoch is not past the header's. The bytes of a slot count only where they
// have the entry's checksum. So a write that was cut off leaves something that is seen to be wrong.

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** Bytes of the header, of one entry, of a checksum of data, and of an id. */
export const headerBytes = 4096
export const entryBytes = 64
export const sumBytes = 16
export const idBytes = 16
/** Blocks that one entry for holes stands for: a bit each. */
export const groupBlocks = sumBytes * 8

/** What the header says. Its truth is that of the whole file. */
export interface CacheHeader {
  readonly blockBytes: number
  readonly slotCount: number
  readonly groupCount: number
  /** Size of the store. */
  readonly byteLength: number
  /** Changes whenever the file begins anew, so that no older entry is ever taken for a new one. */
  readonly id: Uint8Array
  /** Of the store's version, see {@link versionKey}. */
  readonly versionKey: Uint8Array
  /** Entries up to this one hold bytes of that version. */
  readonly epoch: number
  /** Something was written to the store and not flushed yet. */
  readonly unflushed: boolean
}

/** What an entry says, beside its place. */
export interface CacheEntry {
  readonly kind: 'block' | 'holes'
  /** Index of the block, or of the group of blocks. */
  readonly index: number
  readonly epoch: number
  /** Checksum of the block's bytes, or a bit for each block of the group. */
  readonly bits: Uint8Array
}

const magic = Buffer.from('UMAPCAC1')
const headerUsedBytes = 512
const secondMagicAt = 488
const headerSumAt = 496
const kinds = { block: 1, holes: 2 } as const

/** A checksum of data, {@link sumBytes} long. */
export function sumOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest().subarray(0, sumBytes)
}

/** The version of a store as the header keeps it. `kind` tells whose word it is. */
export function versionKey(kind: string, version: string): Uint8Array {
  return createHash('sha256').update(`${kind}:${version}`).digest()
}

/** The header as {@link headerUsedBytes} bytes, few enough to be written at once by any disk. */
export function encodeHeader(header: CacheHeader): Uint8Array {
  const bytes = Buffer.alloc(headerUsedBytes)
  magic.copy(bytes, 0)
  bytes.writeUInt32LE(header.blockBytes, 8)
  bytes.writeUInt32LE(header.slotCount, 12)
  bytes.writeUInt32LE(header.groupCount, 16)
  bytes.writeUInt32LE(header.unflushed ? 1 : 0, 20)
  bytes.writeBigUInt64LE(BigInt(header.byteLength), 24)
  bytes.writeBigUInt64LE(BigInt(header.epoch), 32)
  bytes.set(header.id, 40)
  bytes.set(header.versionKey, 56)
  magic.copy(bytes, secondMagicAt)
  bytes.set(sumOf(bytes.subarray(0, headerSumAt)), headerSumAt)
  return bytes
}

/**
 * The header in the first bytes of a file: undefined where it is torn or missing, 'foreign' where
 * the file is something else, which must not be overwritten.
 */
export function decodeHeader(file: Uint8Array): CacheHeader | 'foreign' | undefined {
  const bytes = Buffer.alloc(headerUsedBytes)
  bytes.set(file.subarray(0, headerUsedBytes))
  const isOurs =
    bytes.subarray(0, magic.byteLength).equals(magic) ||
    bytes.subarray(secondMagicAt, headerSumAt).equals(magic)
  if (!isOurs) {
    return bytes.every((byte) => byte === 0) ? undefined : 'foreign'
  }
  if (Buffer.compare(sumOf(bytes.subarray(0, headerSumAt)), bytes.subarray(headerSumAt)) !== 0) {
    return undefined
  }
  return {
    blockBytes: bytes.readUInt32LE(8),
    slotCount: bytes.readUInt32LE(12),
    groupCount: bytes.readUInt32LE(16),
    unflushed: bytes.readUInt32LE(20) !== 0,
    byteLength: Number(bytes.readBigUInt64LE(24)),
    epoch: Number(bytes.readBigUInt64LE(32)),
    id: bytes.subarray(40, 40 + idBytes),
    versionKey: bytes.subarray(56, 88),
  }
}

/** The entry at `place` of the table; undefined for an empty one, which is all zeros. */
export function encodeEntry(
  entry: CacheEntry | undefined,
  place: number,
  id: Uint8Array,
): Uint8Array {
  const bytes = Buffer.alloc(entryBytes)
  if (entry !== undefined) {
    bytes.writeUInt32LE(kinds[entry.kind], 0)
    bytes.writeUInt32LE(place, 4)
    bytes.writeBigUInt64LE(BigInt(entry.index), 8)
    bytes.writeBigUInt64LE(BigInt(entry.epoch), 16)
    bytes.set(entry.bits, 24)
    bytes.set(id, 24 + sumBytes)
    bytes.writeUInt32LE(crc32(bytes.subarray(0, entryBytes - 4)), entryBytes - 4)
  }
  return bytes
}

/** The entry in `bytes`: undefined where it is empty, 'invalid' where it must not be believed. */
export function decodeEntry(
  bytes: Buffer,
  place: number,
  id: Uint8Array,
): CacheEntry | 'invalid' | undefined {
  const kind = bytes.readUInt32LE(0)
  const holds =
    (kind === kinds.block || kind === kinds.holes) &&
    bytes.readUInt32LE(entryBytes - 4) === crc32(bytes.subarray(0, entryBytes - 4)) &&
    bytes.readUInt32LE(4) === place &&
    Buffer.compare(bytes.subarray(24 + sumBytes, 24 + sumBytes + idBytes), id) === 0
  if (!holds) {
    return bytes.every((byte) => byte === 0) ? undefined : 'invalid'
  }
  return {
    kind: kind === kinds.block ? 'block' : 'holes',
    index: Number(bytes.readBigUInt64LE(8)),
    epoch: Number(bytes.readBigUInt64LE(16)),
    bits: Uint8Array.from(bytes.subarray(24, 24 + sumBytes)),
  }
}
