// Types of what the tests use of pattern-store.mjs.

/** Options of the store. */
export interface PatternOptions {
  readonly byteLength: number
  readonly seed: number
  readonly holeEvery?: number
  readonly failAt?: number
  readonly secret?: string
}

/** All bytes of such a store. */
export function patternBytes(options: PatternOptions): Buffer
