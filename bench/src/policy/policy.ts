// What an eviction policy is told, and the mechanics that all of them share: a bounded number of
// frames and a standby queue of pages that were unmapped but keep their bytes.
// A policy learns of an access only through the methods here, so it cannot see what a pager cannot.

import { PageQueues } from './page-queues.ts'

/** How an access found its page. */
export const Access = { hit: 0, soft: 1, fill: 2 } as const

/** Queue number of the standby queue; the policies number theirs from 2. */
const STANDBY = 1

/** Why a page becomes mapped. */
export type AdmitCause = 'fill' | 'refault' | 'readAhead'

/** Sizes that every policy needs. */
export interface BufferShape {
  /** Pages of the data set. */
  pageCount: number
  /** Frames of the buffer: mapped and standby pages together never exceed them. */
  frameCount: number
  /** Part of the frames, 0 … 1, that standby is refilled to. */
  standbyShare: number
  /** Below this part of the frames standby is refilled; default: below `standbyShare`. */
  standbyLowShare?: number
}

/** An eviction policy over a buffer with a standby queue (after VMS's free-page list). */
export abstract class Policy {
  protected readonly queues: PageQueues
  protected readonly frameCount: number
  protected readonly standbyTarget: number
  private readonly standbyLow: number
  private readonly prefetched: Uint8Array
  private resident = 0

  constructor(shape: BufferShape, queueCount: number) {
    this.queues = new PageQueues(shape.pageCount, queueCount + 1)
    this.frameCount = shape.frameCount
    this.standbyTarget = Math.round(shape.frameCount * shape.standbyShare)
    this.standbyLow = Math.round(shape.frameCount * (shape.standbyLowShare ?? shape.standbyShare))
    this.prefetched = new Uint8Array(shape.pageCount)
  }

  /** Puts a page on a mapped queue. */
  protected abstract admit(page: number, cause: AdmitCause): void

  /** Names the mapped page to take away next, still on its queue; -1 if nothing is mapped. */
  protected abstract victim(): number

  /** Told when a page leaves the buffer. `used` is false for read-ahead that nobody touched. */
  protected dropped(_page: number, _used: boolean): void {}

  /** An access to a mapped page. Called under full visibility only: a pager never sees it. */
  hit(_page: number): void {}

  /** The first write to a mapped page that was clean: a write-protect fault. */
  writeFault(_page: number): void {}

  /** Frames in use. */
  get residentCount(): number {
    return this.resident
  }

  /** What an access to `page` would be now. */
  locate(page: number): number {
    const queue = this.queues.queueOf(page)
    if (queue === 0) return Access.fill
    return queue === STANDBY ? Access.soft : Access.hit
  }

  /** Answers a fault on an absent page. */
  fill(page: number): void {
    this.takeFrame()
    this.admit(page, 'fill')
    this.refillStandby()
  }

  /** Answers a fault on a standby page; the first touch of a read-ahead page is no second use. */
  softFault(page: number): void {
    this.queues.remove(page)
    const first = this.prefetched[page] === 1
    this.prefetched[page] = 0
    this.admit(page, first ? 'readAhead' : 'refault')
    this.refillStandby()
  }

  /** Fills an absent page that a fault pattern predicts, and leaves it unmapped in standby. */
  readAhead(page: number): void {
    if (this.queues.queueOf(page) !== 0) return
    this.takeFrame()
    this.prefetched[page] = 1
    this.queues.push(STANDBY, page)
  }

  private takeFrame(): void {
    if (this.resident < this.frameCount) {
      this.resident++
      return
    }
    const oldest = this.queues.head(STANDBY)
    const page = oldest >= 0 ? oldest : this.victim()
    this.queues.remove(page)
    this.dropped(page, this.prefetched[page] === 0)
    this.prefetched[page] = 0
  }

  /** Unmaps victims until standby has its share, once it is low. */
  protected refillStandby(): void {
    if (this.resident < this.frameCount || this.queues.size(STANDBY) >= this.standbyLow) return
    while (this.queues.size(STANDBY) < this.standbyTarget) {
      const page = this.victim()
      if (page < 0) return
      this.queues.move(STANDBY, page)
    }
  }
}
