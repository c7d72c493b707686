// How much a benchmark does: enough to be true, or just enough to see that it runs.

const mebibyte = 2 ** 20

/** Sizes of the work of all scenarios; bytes, milliseconds, counts. */
export type Sizes = Readonly<Record<keyof typeof fullSizes, number>>

/** What the figures are taken with. */
export const fullSizes = {
  /** The data file, and what scans read of it. */
  fileBytes: 4096 * mebibyte,
  /** Memory that each contender gets for the data. */
  bufferBytes: 512 * mebibyte,
  /** What programs under Node scan. */
  nodeScanBytes: 2048 * mebibyte,
  /** Touches of one run of `fault`. */
  faultTouches: 16_384,
  /** Duration of one run of random touches, without the filling of the buffer. */
  randomMs: 700,
  sortBytes: 1024 * mebibyte,
  sortBufferBytes: 256 * mebibyte,
  /** log2 of the vertices. */
  graphScale: 21,
  graphBufferBytes: 128 * mebibyte,
  zipfBytes: 1024 * mebibyte,
  zipfTouches: 600_000,
  mixedMs: 1500,
  /** What JavaScript loops over, all of it resident. */
  hitBytes: 256 * mebibyte,
  storeTouches: 20_000,
  databaseBytes: 512 * mebibyte,
  databaseTouches: 4000,
  objectBytes: 256 * mebibyte,
  objectMs: 1500,
  /** The largest region of `growth`, and the most regions. */
  growthBytes: 2 ** 40,
  growthRegions: 10_000,
  growthTouches: 4000,
  growthDirtyPages: 60_000,
  /** A region whose pages are all touched once. */
  growthMemoryBytes: 4096 * mebibyte,
  /** Length of the traces of `policy`, in percent of the full length. */
  policyPercent: 50,
}

/** `--quick`: the same way through the code; its figures mean little. */
export const quickSizes: Sizes = {
  fileBytes: 64 * mebibyte,
  bufferBytes: 16 * mebibyte,
  nodeScanBytes: 32 * mebibyte,
  faultTouches: 512,
  randomMs: 50,
  sortBytes: 32 * mebibyte,
  sortBufferBytes: 8 * mebibyte,
  graphScale: 14,
  graphBufferBytes: 2 * mebibyte,
  zipfBytes: 32 * mebibyte,
  zipfTouches: 20_000,
  mixedMs: 50,
  hitBytes: 8 * mebibyte,
  storeTouches: 500,
  databaseBytes: 16 * mebibyte,
  databaseTouches: 200,
  objectBytes: 16 * mebibyte,
  objectMs: 100,
  growthBytes: 2 ** 34,
  growthRegions: 100,
  growthTouches: 200,
  growthDirtyPages: 2000,
  growthMemoryBytes: 64 * mebibyte,
  policyPercent: 1,
}

/**
 * Beside its buffer a C++ program needs memory: its code, its stacks, what it draws and counts, and
 * the kernel's page tables, of 8 bytes for each page of the file.
 */
export function nativeProgramBytes(fileBytes: number): number {
  return 12 * mebibyte + fileBytes / 512
}

/** The same for a program under Node: V8's heap, and the objects of a cache of pages. */
export const nodeProgramBytes = 192 * mebibyte
