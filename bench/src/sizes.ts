// How much a benchmark does: enough to be true, or just enough to see that it runs.

/** Sizes of the work of all scenarios. */
export interface Sizes {
  /** The data file. */
  readonly fileBytes: number
  /** Memory that each contender gets for the data. */
  readonly bufferBytes: number
  /** What a scan reads of the file. */
  readonly scanBytes: number
  /** Touches of one run of `fault`. */
  readonly faultTouches: number
  /** Duration of one run of `random`, without the filling of the buffer. */
  readonly randomMs: number
  /** Length of the traces of `policy`, as part of the full length. */
  readonly policyScale: number
}

const mebibyte = 2 ** 20

/** What the figures are taken with. */
export const fullSizes: Sizes = {
  fileBytes: 4096 * mebibyte,
  bufferBytes: 512 * mebibyte,
  scanBytes: 2048 * mebibyte,
  faultTouches: 16_384,
  randomMs: 700,
  policyScale: 0.5,
}

/** `--quick`: the same way through the code; its figures mean little. */
export const quickSizes: Sizes = {
  fileBytes: 128 * mebibyte,
  bufferBytes: 16 * mebibyte,
  scanBytes: 64 * mebibyte,
  faultTouches: 1024,
  randomMs: 100,
  policyScale: 0.01,
}

/** Beside its buffer a C++ program needs memory: its code, its stacks, the kernel's page tables. */
export const nativeProgramBytes = 24 * mebibyte

/** The same for a program under Node: V8's heap, and the objects of a cache of pages. */
export const nodeProgramBytes = 192 * mebibyte
