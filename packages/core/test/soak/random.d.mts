/** A source of numbers that follow from a seed. */
export class Random {
  constructor(seed: number)
  /** In [0, 1). */
  next(): number
  /** In [0, count). */
  integer(count: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
}
