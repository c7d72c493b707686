// A set of byte ranges: which bytes of a chunk are staged. Pure.

/** Bytes from `from` up to, not including, `to`. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** Sorted ranges that neither overlap nor touch. */
export class RangeSet {
  #ranges: ByteRange[] = []

  add(from: number, to: number): void {
    if (from >= to) {
      return
    }
    const before = this.#ranges.filter((range) => range.to < from)
    const after = this.#ranges.filter((range) => range.from > to)
    const touched = this.#ranges.slice(before.length, this.#ranges.length - after.length)
    const merged = {
      from: Math.min(from, touched[0]?.from ?? from),
      to: Math.max(to, touched.at(-1)?.to ?? to),
    }
    this.#ranges = [...before, merged, ...after]
  }

  /** The parts of [from, to) that are in the set. */
  within(from: number, to: number): ByteRange[] {
    return this.#ranges
      .filter((range) => range.from < to && range.to > from)
      .map((range) => ({ from: Math.max(range.from, from), to: Math.min(range.to, to) }))
  }

  covers(from: number, to: number): boolean {
    return from >= to || this.#ranges.some((range) => range.from <= from && range.to >= to)
  }

  /** The smallest range that holds every byte of [0, end) that is not in the set. */
  missing(end: number): ByteRange | undefined {
    const first = this.#ranges[0]
    const from = first?.from === 0 ? first.to : 0
    const last = this.#ranges.at(-1)
    const to = last !== undefined && last.to >= end ? last.from : end
    return from < to ? { from, to } : undefined
  }
}
