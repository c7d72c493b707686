// The manifest: the one object that says what a data set consists of. Whole states only: it is
// written anew for each flush and swapped by a conditional PUT. Encoding and decoding, both pure.

import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { type ChunkName, ChunkTable, type SessionNames } from './chunk-table.ts'
import { corruptError } from './errors.ts'

/** A chunk object that no manifest from some moment on refers to. */
export interface RetiredChunk {
  readonly name: ChunkName
  /** Milliseconds since 1970 by the clock of the writer; 0 where no reader can ever need it. */
  readonly retiredAtMs: number
}

/** Sizes that never change in the life of a data set. */
export interface DatasetShape {
  readonly byteLength: number
  readonly chunkBytes: number
  readonly blockBytes: number
}

/** One state of a data set. */
export interface Manifest {
  readonly shape: DatasetShape
  /** 1 when the data set is made, one more with each swap. */
  readonly generation: number
  /** Names this state and the attempt that wrote it: the generation and a random part. */
  readonly id: string
  /** Ids of the states before this one, the newest first; a few only. */
  readonly ancestors: readonly string[]
  readonly chunks: ChunkTable
  readonly retired: readonly RetiredChunk[]
}

/** How many ancestors a manifest names. */
export const ancestorsMax = 64

/** Chunks that a data set may have: bounds the manifest, and the memory of an opening. */
export const chunkCountMax = 2 ** 22

/** How many chunks cover `shape`. */
export function chunkCountOf({ byteLength, chunkBytes }: DatasetShape): number {
  return Math.ceil(byteLength / chunkBytes)
}

const magic = 'UMAPSET1'
const headerOffset = 12
const trailerBytes = 4
const retiredRowBytes = 16

interface Header extends DatasetShape {
  readonly generation: number
  readonly id: string
  readonly ancestors: readonly string[]
  readonly sessions: readonly string[]
  readonly retiredCount: number
}

/** The manifest as it is stored. */
export function encodeManifest(manifest: Manifest): Buffer {
  const { shape, generation, id, ancestors, retired } = manifest
  const sessions = new Map<string, number>()
  const body = deflateRawSync(encodeRows(manifest, sessions), { level: 1 })
  const header: Header = {
    ...shape,
    generation,
    id,
    ancestors,
    sessions: [...sessions.keys()],
    retiredCount: retired.length,
  }
  const headerBytes = Buffer.from(JSON.stringify(header))
  const head = Buffer.alloc(headerOffset)
  head.write(magic, 'latin1')
  head.writeUInt32LE(headerBytes.byteLength, magic.length)
  const trailer = Buffer.alloc(trailerBytes)
  trailer.writeUInt32LE(crc32(body, crc32(headerBytes, crc32(head))))
  return Buffer.concat([head, headerBytes, body, trailer])
}

// Columns rather than rows: neighbours in a column are alike, and deflate small.
function encodeRows({ chunks, retired }: Manifest, sessions: Map<string, number>): Buffer {
  const count = chunks.chunkCount
  const rows = Buffer.alloc(count * 8 + retired.length * retiredRowBytes)
  for (let chunk = 0; chunk < count; chunk++) {
    const name = chunks.get(chunk)
    if (name !== undefined) {
      rows.writeUInt32LE(sessionNumber(name, sessions), chunk * 4)
      rows.writeUInt32LE(name.sequence, (count + chunk) * 4)
    }
  }
  for (const [index, { name, retiredAtMs }] of retired.entries()) {
    const at = count * 8 + index * retiredRowBytes
    rows.writeUInt32LE(sessionNumber(name, sessions), at)
    rows.writeUInt32LE(name.sequence, at + 4)
    rows.writeDoubleLE(retiredAtMs, at + 8)
  }
  return rows
}

function sessionNumber({ session }: ChunkName, sessions: Map<string, number>): number {
  const number = sessions.get(session) ?? sessions.size + 1
  sessions.set(session, number)
  return number
}

/**
 * What `encodeManifest` made. `label` names the object in the error.
 *
 * Throws a `StoreError` 'S3_CORRUPT' for bytes that are no manifest, or not all of one.
 */
export function decodeManifest(bytes: Uint8Array, names: SessionNames, label: string): Manifest {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.toString('latin1', 0, magic.length) !== magic) {
    throw corruptError(`${label} is no manifest of a data set that this version can read`)
  }
  const end = buffer.byteLength - trailerBytes
  if (end < headerOffset || buffer.readUInt32LE(end) !== crc32(buffer.subarray(0, end))) {
    throw corruptError(`the checksum of ${label} does not fit`)
  }
  try {
    const bodyOffset = headerOffset + buffer.readUInt32LE(magic.length)
    const header = JSON.parse(buffer.toString('utf8', headerOffset, bodyOffset)) as Header
    return decodeRows(header, buffer.subarray(bodyOffset, end), names)
  } catch (error) {
    throw corruptError(`${label} cannot be understood`, error)
  }
}

function decodeRows(header: Header, body: Buffer, names: SessionNames): Manifest {
  const { byteLength, chunkBytes, blockBytes, retiredCount, sessions } = header
  const shape = { byteLength, chunkBytes, blockBytes }
  const count = checkShape(shape)
  const rowsBytes = count * 8 + retiredCount * retiredRowBytes
  const rows = inflateRawSync(body, { maxOutputLength: rowsBytes + 1 })
  if (rows.byteLength !== rowsBytes) {
    throw new RangeError(`${rows.byteLength} bytes of rows instead of ${rowsBytes}`)
  }
  const nameAt = (sessionOffset: number, sequenceOffset: number): ChunkName | undefined => {
    const number = rows.readUInt32LE(sessionOffset)
    const session = sessions[number - 1]
    if (number !== 0 && session === undefined) {
      throw new RangeError(`session ${number} of ${sessions.length}`)
    }
    return session === undefined
      ? undefined
      : { session, sequence: rows.readUInt32LE(sequenceOffset) }
  }
  const chunks = new ChunkTable(names, count)
  for (let chunk = 0; chunk < count; chunk++) {
    chunks.set(chunk, nameAt(chunk * 4, (count + chunk) * 4))
  }
  const retired: RetiredChunk[] = []
  for (let at = count * 8; at < rowsBytes; at += retiredRowBytes) {
    const name = nameAt(at, at + 4)
    if (name !== undefined) {
      retired.push({ name, retiredAtMs: rows.readDoubleLE(at + 8) })
    }
  }
  const { generation, id, ancestors } = header
  return { shape, generation, id, ancestors, chunks, retired }
}

function checkShape(shape: DatasetShape): number {
  const { byteLength, chunkBytes, blockBytes } = shape
  const count = chunkCountOf(shape)
  const isSound =
    Number.isSafeInteger(byteLength) &&
    byteLength >= 0 &&
    Number.isSafeInteger(blockBytes) &&
    blockBytes > 0 &&
    Number.isSafeInteger(chunkBytes) &&
    chunkBytes >= blockBytes &&
    chunkBytes % blockBytes === 0 &&
    count <= chunkCountMax
  if (!isSound) {
    throw new RangeError(`${byteLength} bytes in chunks of ${chunkBytes}, blocks of ${blockBytes}`)
  }
  return count
}
