// Runs policies over traces and buffer sizes, and condenses the scores to the numbers that the
// decision is made by.

import { simulateBelady } from './belady.ts'
import type { PolicyEntry } from './catalogue.ts'
import { COLD, hitShare, type Score, simulate, usPerAccess, WARM } from './simulate.ts'
import type { Trace } from './trace.ts'

/** One trace with one buffer, and its optimum. */
export interface Cell {
  trace: Trace
  frameCount: number
  belady: Score
}

/** Condensed result of one policy over many cells. */
export interface Summary {
  name: string
  /** Geometric means over the cells of modelled time ÷ Belady's. */
  warmRatio: number
  coldRatio: number
  /** Hit share ÷ Belady's where that is least. */
  hitShareRatioMin: number
}

/** Pairs every trace with every buffer, given as part of the trace's pages. */
export function makeCells(traces: Trace[], bufferShares: number[]): Cell[] {
  return bufferShares.flatMap((share) =>
    traces.map((trace) => {
      const frameCount = Math.round(trace.pageCount * share)
      return { trace, frameCount, belady: simulateBelady(trace, frameCount) }
    }),
  )
}

/** Plays one cell. */
export function play(cell: Cell, entry: PolicyEntry): Score {
  const { trace, frameCount } = cell
  const shape = { pageCount: trace.pageCount, frameCount, standbyShare: entry.standbyShare }
  return simulate(trace, entry.make(shape), frameCount, entry.visibility)
}

/** Plays all cells. */
export function summarize(cells: Cell[], entry: PolicyEntry): Summary {
  let warmLog = 0
  let coldLog = 0
  let hitShareRatioMin = Number.POSITIVE_INFINITY
  for (const cell of cells) {
    const score = play(cell, entry)
    warmLog += Math.log(usPerAccess(score, WARM) / usPerAccess(cell.belady, WARM))
    coldLog += Math.log(usPerAccess(score, COLD) / usPerAccess(cell.belady, COLD))
    hitShareRatioMin = Math.min(hitShareRatioMin, hitShare(score) / hitShare(cell.belady))
  }
  return {
    name: entry.name,
    warmRatio: Math.exp(warmLog / cells.length),
    coldRatio: Math.exp(coldLog / cells.length),
    hitShareRatioMin,
  }
}
