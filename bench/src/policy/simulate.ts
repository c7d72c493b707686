// Plays a trace against a policy and counts what each access cost. It alone decides what the
// policy gets to see, so that the visibility rule of a user-space pager holds by construction.

import { Access, type Policy } from './policy.ts'
import { AccessKind, type Trace } from './trace.ts'

/** `faults`: what a user-space pager sees. `full`: as if there were an accessed bit. */
export type Visibility = 'faults' | 'full'

/** What a run counted, after the warm-up. */
export interface Score {
  accesses: number
  /** Accesses that took the page from standby. */
  softFaults: number
  /** Accesses that had to read the store. */
  fills: number
  /** Pages that read-ahead read from the store; they cost no access any time. */
  readAheadFills: number
  /** First writes to clean mapped pages. */
  writeFaults: number
  /** Dirty pages that had been written back when they were next used. */
  writeBacks: number
  /** Accesses and fills of every thread but the scanner. */
  readerAccesses: number
  readerFills: number
}

/** Modelled times in µs; a hit is free. */
export interface CostModel {
  softFaultUs: number
  fillUs: number
}

/** Fill from a warm page cache, and from the disk. */
export const WARM: CostModel = { softFaultUs: 6, fillUs: 14 }
export const COLD: CostModel = { softFaultUs: 6, fillUs: 40 }

/** A score with nothing counted yet. */
export function emptyScore(): Score {
  return {
    accesses: 0,
    softFaults: 0,
    fills: 0,
    readAheadFills: 0,
    writeFaults: 0,
    writeBacks: 0,
    readerAccesses: 0,
    readerFills: 0,
  }
}

/** Plays `trace`; throws if the policy ever holds more frames than `frameCount`. */
export function simulate(
  trace: Trace,
  policy: Policy,
  frameCount: number,
  visibility: Visibility,
): Score {
  const dirty = new Uint8Array(trace.pageCount)
  let score = emptyScore()
  for (let index = 0; index < trace.pages.length; index++) {
    if (index === trace.warmUpCount) score = emptyScore()
    const page = trace.pages[index] as number
    const kind = trace.kinds[index] as number
    if (kind === AccessKind.readAhead) {
      if (policy.locate(page) === Access.fill) score.readAheadFills++
      policy.readAhead(page)
      continue
    }
    const isReader = kind !== AccessKind.scan
    const isWrite = kind === AccessKind.write
    const access = policy.locate(page)
    score.accesses++
    if (isReader) score.readerAccesses++
    if (access === Access.hit) {
      if (visibility === 'full') policy.hit(page)
      if (!isWrite || dirty[page] === 1) continue
      dirty[page] = 1
      score.writeFaults++
      policy.writeFault(page)
      continue
    }
    // A page is clean once it was unmapped; a write fault maps it writable at once.
    score.writeBacks += dirty[page] as number
    dirty[page] = isWrite ? 1 : 0
    if (access === Access.soft) {
      score.softFaults++
      policy.softFault(page)
      continue
    }
    score.fills++
    if (isReader) score.readerFills++
    policy.fill(page)
    if (policy.residentCount > frameCount) throw new RangeError('policy exceeds its frames')
  }
  return score
}

/** Modelled µs per access. */
export function usPerAccess(score: Score, cost: CostModel): number {
  return (score.softFaults * cost.softFaultUs + score.fills * cost.fillUs) / score.accesses
}

/** Part of the accesses that needed no fill. */
export function hitShare(score: Score): number {
  return 1 - score.fills / score.accesses
}

/** The same for the threads that do not scan. */
export function readerHitShare(score: Score): number {
  return 1 - score.readerFills / score.readerAccesses
}
