// Belady's optimum is the line that everything is measured against, so it is checked twice:
// against a textbook count, and against every policy of the catalogue.

import { describe, expect, test } from 'vitest'
import { simulateBelady } from '../../src/policy/belady.ts'
import { CATALOGUE } from '../../src/policy/catalogue.ts'
import { makeCells, play } from '../../src/policy/evaluate.ts'
import { policyTraces } from '../../src/policy/scenarios.ts'
import type { Trace } from '../../src/policy/trace.ts'
import { readsOf } from './shapes.ts'

/** Optimum by definition: looks through the rest of the trace for each drop. */
function fillsByDefinition(trace: Trace, frameCount: number): number {
  const resident = new Set<number>()
  let fills = 0
  trace.pages.forEach((page, index) => {
    if (resident.has(page)) return
    fills++
    if (resident.size === frameCount) {
      const due = (candidate: number): number => {
        const next = trace.pages.indexOf(candidate, index)
        return next < 0 ? trace.pages.length : next
      }
      const farthest = [...resident].reduce((a, b) => (due(b) > due(a) ? b : a))
      resident.delete(farthest)
    }
    resident.add(page)
  })
  return fills
}

describe('belady', () => {
  test('textbook-reference-string', () => {
    const trace = readsOf([7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1])
    expect(simulateBelady(trace, 3).fills).toBe(9)
  })

  test('agrees-with-its-definition', () => {
    let state = 12_345
    const pages = Array.from({ length: 400 }, () => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31
      return Math.floor((state / 2 ** 31) ** 2 * 30)
    })
    const trace = readsOf(pages)
    for (const frameCount of [1, 2, 5, 12, 29]) {
      expect(simulateBelady(trace, frameCount).fills).toBe(fillsByDefinition(trace, frameCount))
    }
  })

  test('no-demand-policy-beats-it', () => {
    for (const cell of makeCells(policyTraces(7, 0.05), [0.1, 0.3])) {
      for (const entry of CATALOGUE) {
        const { fills } = play(cell, entry)
        expect(fills, `${entry.name} on ${cell.trace.name}`).toBeGreaterThanOrEqual(
          cell.belady.fills,
        )
      }
    }
  })
})
