// Remembers when pages were dropped, as a sequence number that would sit in the absent page-table
// entry (Linux mm/workingset.c): the distance of a refault costs no list and no memory.

/** Drop times of pages, in drops. */
export class GhostHistory {
  private readonly droppedAt: Float64Array
  private drops = 0

  /** Knows no page of 0 … `pageCount` - 1 yet. */
  constructor(pageCount: number) {
    this.droppedAt = new Float64Array(pageCount).fill(Number.NEGATIVE_INFINITY)
  }

  /** Notes that `page` is dropped now. */
  record(page: number): void {
    this.drops++
    this.droppedAt[page] = this.drops
  }

  /** Forgets `page`, whose next fault shall count as its first. */
  forget(page: number): void {
    this.droppedAt[page] = Number.NEGATIVE_INFINITY
  }

  /** Drops since `page` was dropped, its own included; Infinity if it is not remembered. */
  distance(page: number): number {
    return this.drops - (this.droppedAt[page] as number) + 1
  }
}
