// The rules of page sizes, and the page size of this system. Pure but for one read of /proc.

import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'

/** The page size of a region where nothing else is said. */
export const defaultPageBytes = 64 * 1024

/** The largest page size of a region. */
export const pageBytesMax = 2 ** 30

const auxiliaryPageSize = 6n
let systemPageBytesRead: number | undefined

/**
 * The system's page size in bytes, from the auxiliary vector that the kernel gave this process
 * (getauxval(3), AT_PAGESZ); 4096 where there is none, as outside Linux.
 */
export function systemPageBytes(): number {
  systemPageBytesRead ??= readSystemPageBytes()
  return systemPageBytesRead
}

/** Returns `value` if it can be a region's page size, else throws, naming it `name`. */
export function checkPageBytes(value: unknown, name: string): number {
  if (typeof value !== 'number') {
    throw new TypeError(`${name} must be a number, not ${typeof value}`)
  }
  const min = systemPageBytes()
  const isPowerOfTwo =
    Number.isSafeInteger(value) && value > 0 && Number.isInteger(Math.log2(value))
  if (!isPowerOfTwo || value < min || value > pageBytesMax) {
    throw new RangeError(
      `${name} must be a power of two from ${min} (the system's page) to ${pageBytesMax}, ` +
        `not ${value}`,
    )
  }
  return value
}

function readSystemPageBytes(): number {
  try {
    const vector = readFileSync('/proc/self/auxv')
    const words = new BigUint64Array(new Uint8Array(vector).buffer)
    for (let index = 0; endianness() === 'LE' && index + 1 < words.length; index += 2) {
      if (words[index] === auxiliaryPageSize) {
        return Number(words[index + 1])
      }
    }
  } catch {
    // No /proc: not Linux, or a sandbox without it.
  }
  return 4096
}
