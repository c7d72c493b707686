// The chosen policy: two mapped FIFOs (probation, protected) before one standby queue. It is
// steered by soft faults and refault distances alone, which is all that a user-space pager sees.

import { GhostHistory } from './ghost-history.ts'
import { type AdmitCause, type BufferShape, Policy } from './policy.ts'

const PROBATION = 2
const PROTECTED = 3

/** Parameters; all shares are parts of the frames, 0 … 1. */
export interface StandbyTwoQueueOptions {
  /** Above this share, probation gives the victim; below it, protected does. */
  probationShare: number
  /** A fill counts as a refault up to this many protected capacities of drops. */
  ghostReach: number
  /** Most refaults in a row that a page remembers, absent or not; 0 turns the memory off. */
  usesMax: number
  /** Whether the first write to a clean protected page earns it one more round. */
  writesCount: boolean
  /** Where read-ahead goes: standby (unmapped) or probation (mapped before its first touch). */
  readAheadTo: 'standby' | 'probation'
}

/** What the engine uses; docs/decisions/0001-eviction-policy.md has the figures. */
export const CHOSEN_STANDBY_SHARE = 0.05
export const CHOSEN_OPTIONS: StandbyTwoQueueOptions = {
  probationShare: 0.1,
  ghostReach: 1,
  usesMax: 3,
  writesCount: false,
  readAheadTo: 'probation',
}

/** 2Q whose reference bit is the soft fault, with refaults counted to tell hot from warm. */
export class StandbyTwoQueue extends Policy {
  private readonly ghosts: GhostHistory
  /** Refaults in a row; survives the drop of the page, so it sits in the page-table entry. */
  private readonly uses: Uint8Array
  /** Rounds through protected that are left before the page is unmapped. */
  private readonly rounds: Uint8Array
  private readonly probationTarget: number
  private readonly ghostDistanceMax: number
  private readonly options: StandbyTwoQueueOptions

  constructor(shape: BufferShape, options: StandbyTwoQueueOptions) {
    super(shape, 2)
    this.options = options
    this.ghosts = new GhostHistory(shape.pageCount)
    this.uses = new Uint8Array(shape.pageCount)
    this.rounds = new Uint8Array(shape.pageCount)
    this.probationTarget = Math.max(1, Math.round(shape.frameCount * options.probationShare))
    const protectedMax = shape.frameCount - this.standbyTarget - this.probationTarget
    this.ghostDistanceMax = protectedMax * options.ghostReach
  }

  override writeFault(page: number): void {
    if (!this.options.writesCount || this.queues.queueOf(page) !== PROTECTED) return
    this.rounds[page] = Math.min(this.options.usesMax, (this.rounds[page] as number) + 1)
  }

  override readAhead(page: number): void {
    const isResident = this.queues.queueOf(page) !== 0
    super.readAhead(page)
    if (isResident || this.options.readAheadTo === 'standby') return
    this.queues.move(PROBATION, page)
    this.refillStandby()
  }

  protected override admit(page: number, cause: AdmitCause): void {
    const isSoft = cause === 'refault'
    const isRefault =
      isSoft || (cause === 'fill' && this.ghosts.distance(page) <= this.ghostDistanceMax)
    if (!isRefault) {
      this.uses[page] = 0
      this.rounds[page] = 0
      this.queues.push(PROBATION, page)
      return
    }
    const { usesMax } = this.options
    const uses = Math.min(usesMax, (this.uses[page] as number) + 1)
    this.uses[page] = uses
    this.rounds[page] = isSoft ? Math.min(1, usesMax) : Math.max(0, uses - 1)
    this.queues.push(PROTECTED, page)
  }

  protected override victim(): number {
    if (this.queues.size(PROBATION) > this.probationTarget) return this.queues.head(PROBATION)
    for (;;) {
      const page = this.queues.head(PROTECTED)
      if (page < 0) return this.queues.head(PROBATION)
      const rounds = this.rounds[page] as number
      if (rounds === 0) return page
      this.rounds[page] = rounds - 1
      this.queues.move(PROTECTED, page)
    }
  }

  protected override dropped(page: number, used: boolean): void {
    // Read-ahead that was never seen used must not look like a page that was missed.
    if (used) this.ghosts.record(page)
    else this.ghosts.forget(page)
  }
}
