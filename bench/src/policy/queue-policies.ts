// Policies with a queue for newcomers and one for proven pages, as their papers define them:
// 2Q (Johnson and Shasha, VLDB 1994) and S3-FIFO (Yang et al., SOSP 2023).

import { GhostHistory } from './ghost-history.ts'
import { type AdmitCause, type BufferShape, Policy } from './policy.ts'

const NEW = 2
const PROVEN = 3

/** 2Q, full version: A1in is a FIFO of 25 %, A1out remembers 50 %, Am is LRU where hits show. */
export class TwoQueue extends Policy {
  private readonly ghosts: GhostHistory

  constructor(shape: BufferShape) {
    super(shape, 2)
    this.ghosts = new GhostHistory(shape.pageCount)
  }

  override hit(page: number): void {
    if (this.queues.queueOf(page) === PROVEN) this.queues.move(PROVEN, page)
  }

  protected override admit(page: number, cause: AdmitCause): void {
    const remembered = this.ghosts.distance(page) <= this.frameCount / 2
    this.ghosts.forget(page)
    this.queues.push(cause === 'refault' || remembered ? PROVEN : NEW, page)
  }

  protected override victim(): number {
    const fromNew = this.queues.size(NEW) > this.frameCount / 4 || this.queues.size(PROVEN) === 0
    const page = this.queues.head(fromNew ? NEW : PROVEN)
    // Only A1out remembers: a page that falls out of Am starts again as a newcomer.
    if (fromNew && page >= 0) this.ghosts.record(page)
    return page
  }
}

/** S3-FIFO: small queue of 10 %, main queue with up to three more rounds, ghosts as long as main. */
export class S3Fifo extends Policy {
  private readonly uses: Uint8Array
  private readonly ghosts: GhostHistory

  constructor(shape: BufferShape) {
    super(shape, 2)
    this.uses = new Uint8Array(shape.pageCount)
    this.ghosts = new GhostHistory(shape.pageCount)
  }

  override hit(page: number): void {
    this.uses[page] = Math.min(3, (this.uses[page] as number) + 1)
  }

  override writeFault(page: number): void {
    this.hit(page)
  }

  protected override admit(page: number, cause: AdmitCause): void {
    if (cause === 'refault') {
      this.hit(page)
      this.queues.push(PROVEN, page)
      return
    }
    this.uses[page] = 0
    const remembered = this.ghosts.distance(page) <= this.frameCount * 0.9
    this.queues.push(remembered ? PROVEN : NEW, page)
  }

  protected override victim(): number {
    for (;;) {
      const fromNew =
        this.queues.size(NEW) >= this.frameCount / 10 || this.queues.size(PROVEN) === 0
      const page = this.queues.head(fromNew ? NEW : PROVEN)
      if (page < 0) return page
      const uses = this.uses[page] as number
      if (fromNew) {
        if (uses <= 1) {
          this.ghosts.record(page)
          return page
        }
        this.uses[page] = 0
      } else {
        if (uses === 0) {
          this.ghosts.forget(page)
          return page
        }
        this.uses[page] = uses - 1
      }
      this.queues.move(PROVEN, page)
    }
  }
}
