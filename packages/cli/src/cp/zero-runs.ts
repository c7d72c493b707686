// Tells data from zeros within a chunk, so that what is zero is never written. Pure.

/** Runs of zeros are found in steps of this: the block of most file systems. */
export const zeroBlockBytes = 4096

/** Shorter runs of zeros are written with their neighbours: one call costs more than they do. */
export const holeBytesMin = 16 * 1024

const zeros = Buffer.alloc(2 ** 20)

/** Whether all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  // Nearly all data is told from zeros by its first byte, without a call.
  if (bytes.byteLength > 0 && bytes[0] !== 0) return false
  for (let from = 0; from < bytes.byteLength; from += zeros.byteLength) {
    const part = bytes.subarray(from, from + zeros.byteLength)
    if (zeros.compare(part, 0, part.byteLength, 0, part.byteLength) !== 0) return false
  }
  return true
}

/** A part of a chunk. */
export interface Run {
  readonly from: number
  readonly to: number
  readonly isData: boolean
}

/**
 * Splits a chunk into runs of data and runs of zeros, in order. A run of zeros begins and ends at
 * multiples of {@link zeroBlockBytes} (or at the chunk's end) and has at least
 * {@link holeBytesMin}, unless the whole chunk is shorter.
 */
export function findRuns(bytes: Uint8Array): Run[] {
  if (isZero(bytes)) return [{ from: 0, to: bytes.byteLength, isData: false }]
  const runs: Run[] = []
  let dataFrom = 0
  let zeroFrom = 0
  const endZeros = (to: number) => {
    if (to - zeroFrom < holeBytesMin) return
    if (zeroFrom > dataFrom) runs.push({ from: dataFrom, to: zeroFrom, isData: true })
    runs.push({ from: zeroFrom, to, isData: false })
    dataFrom = to
  }
  for (let from = 0; from < bytes.byteLength; from += zeroBlockBytes) {
    const to = Math.min(from + zeroBlockBytes, bytes.byteLength)
    if (isZero(bytes.subarray(from, to))) continue
    endZeros(from)
    zeroFrom = to
  }
  endZeros(bytes.byteLength)
  if (dataFrom < bytes.byteLength) {
    runs.push({ from: dataFrom, to: bytes.byteLength, isData: true })
  }
  return runs
}
