// The textbook policies: FIFO, LRU, CLOCK and SIEVE, each with an optional standby queue.
// Without standby and without hits they all are FIFO; a refault from standby is their reference.

import { type AdmitCause, type BufferShape, Policy } from './policy.ts'

const MAPPED = 2

/** FIFO; with standby frames it is VMS's segmented FIFO. */
export class Fifo extends Policy {
  constructor(shape: BufferShape) {
    super(shape, 1)
  }

  protected override admit(page: number): void {
    this.queues.push(MAPPED, page)
  }

  protected override victim(): number {
    return this.queues.head(MAPPED)
  }
}

/** Least recently used: a reference line that needs to see every hit. */
export class Lru extends Fifo {
  override hit(page: number): void {
    this.queues.move(MAPPED, page)
  }
}

/** CLOCK, as a FIFO with second chance: a referenced page goes round once more. */
export class Clock extends Policy {
  private readonly referenced: Uint8Array

  constructor(shape: BufferShape) {
    super(shape, 1)
    this.referenced = new Uint8Array(shape.pageCount)
  }

  override hit(page: number): void {
    this.referenced[page] = 1
  }

  override writeFault(page: number): void {
    this.referenced[page] = 1
  }

  protected override admit(page: number, cause: AdmitCause): void {
    this.referenced[page] = cause === 'refault' ? 1 : 0
    this.queues.push(MAPPED, page)
  }

  protected override victim(): number {
    for (;;) {
      const page = this.queues.head(MAPPED)
      if (page < 0 || this.referenced[page] === 0) return page
      this.referenced[page] = 0
      this.queues.move(MAPPED, page)
    }
  }
}

/** SIEVE (Zhang et al., NSDI 2024): survivors stay where they are, a hand passes over them. */
export class Sieve extends Policy {
  private readonly visited: Uint8Array
  private hand = -1

  constructor(shape: BufferShape) {
    super(shape, 1)
    this.visited = new Uint8Array(shape.pageCount)
  }

  override hit(page: number): void {
    this.visited[page] = 1
  }

  override writeFault(page: number): void {
    this.visited[page] = 1
  }

  protected override admit(page: number, cause: AdmitCause): void {
    this.visited[page] = cause === 'refault' ? 1 : 0
    this.queues.push(MAPPED, page)
  }

  protected override victim(): number {
    let page = this.hand >= 0 ? this.hand : this.queues.head(MAPPED)
    while (page >= 0 && this.visited[page] === 1) {
      this.visited[page] = 0
      page = this.queues.after(page)
      if (page < 0) page = this.queues.head(MAPPED)
    }
    if (page >= 0) this.hand = this.queues.after(page)
    return page
  }
}
