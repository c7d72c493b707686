/** A source of numbers that follow from a seed. */
export class Random {
  constructor(seed: number)
  /** An integer from 0 to `end`, without `end`. */
  below(end: number): number
  /** Bytes without any order; every value occurs. */
  bytes(byteLength: number): Uint8Array
}
/** The seed of this run, printed under `name`, or the one that the environment gives. */
export function testSeed(name: string): number
