// Intrusive FIFO queues over page indices, one link pair per page, as an engine would hold them.
// A page is on at most one queue at a time; queue 0 stands for "on none".

/** Number of a queue; 0 means that a page is on no queue. */
export type QueueId = number

/** Several FIFO queues that share one pair of links per page. */
export class PageQueues {
  private readonly next: Int32Array
  private readonly prev: Int32Array
  private readonly owner: Uint8Array
  private readonly sizes: Int32Array
  private readonly pageCount: number

  /** Makes `queueCount` empty queues, numbered from 1, for pages 0 … `pageCount` - 1. */
  constructor(pageCount: number, queueCount: number) {
    this.pageCount = pageCount
    this.next = new Int32Array(pageCount + queueCount + 1)
    this.prev = new Int32Array(pageCount + queueCount + 1)
    this.owner = new Uint8Array(pageCount)
    this.sizes = new Int32Array(queueCount + 1)
    // Each queue is a ring through a sentinel, so that push and remove need no special case.
    for (let queue = 0; queue <= queueCount; queue++) {
      this.next[pageCount + queue] = pageCount + queue
      this.prev[pageCount + queue] = pageCount + queue
    }
  }

  /** The queue that holds `page`, or 0. */
  queueOf(page: number): QueueId {
    return this.owner[page] as number
  }

  /** Pages on `queue`. */
  size(queue: QueueId): number {
    return this.sizes[queue] as number
  }

  /** The oldest page of `queue`, or -1. */
  head(queue: QueueId): number {
    return this.pageOrNone(this.next[this.pageCount + queue] as number)
  }

  /** The page that joined right after `page`, or -1 at the tail. */
  after(page: number): number {
    return this.pageOrNone(this.next[page] as number)
  }

  /** Adds `page`, which is on no queue, as the youngest of `queue`. */
  push(queue: QueueId, page: number): void {
    const sentinel = this.pageCount + queue
    const last = this.prev[sentinel] as number
    this.next[last] = page
    this.prev[page] = last
    this.next[page] = sentinel
    this.prev[sentinel] = page
    this.owner[page] = queue
    this.sizes[queue] = this.size(queue) + 1
  }

  /** Takes `page` off its queue. */
  remove(page: number): void {
    const queue = this.queueOf(page)
    const before = this.prev[page] as number
    const behind = this.next[page] as number
    this.next[before] = behind
    this.prev[behind] = before
    this.owner[page] = 0
    this.sizes[queue] = this.size(queue) - 1
  }

  /** Makes `page` the youngest of `queue`, wherever it was. */
  move(queue: QueueId, page: number): void {
    if (this.queueOf(page) !== 0) this.remove(page)
    this.push(queue, page)
  }

  private pageOrNone(index: number): number {
    return index < this.pageCount ? index : -1
  }
}
