// Belady's optimum (IBM Systems Journal, 1966): drop the page whose next use is farthest away.
// It knows the future, so it is the line that hit shares are compared with, never a policy.

import { emptyScore, type Score } from './simulate.ts'
import { AccessKind, type Trace } from './trace.ts'

/** Plays `trace` with `frameCount` frames under the optimal policy; read-ahead is left out. */
export function simulateBelady(trace: Trace, frameCount: number): Score {
  const never = trace.pages.length
  const nextUse = nextUses(trace)
  const dueAt = new Uint32Array(trace.pageCount)
  const resident = new Uint8Array(trace.pageCount)
  // Entries go stale when their page is used again or dropped; they are skipped when they surface.
  const farthest = new MaxHeap()
  let residentCount = 0
  let score = emptyScore()
  for (let index = 0; index < never; index++) {
    if (index === trace.warmUpCount) score = emptyScore()
    const kind = trace.kinds[index] as number
    if (kind === AccessKind.readAhead) continue
    const page = trace.pages[index] as number
    const isReader = kind !== AccessKind.scan
    score.accesses++
    if (isReader) score.readerAccesses++
    if (resident[page] === 0) {
      score.fills++
      if (isReader) score.readerFills++
      if (residentCount === frameCount) {
        for (;;) {
          const [due, candidate] = farthest.pop()
          if (resident[candidate] === 0 || dueAt[candidate] !== due) continue
          resident[candidate] = 0
          break
        }
      } else residentCount++
      resident[page] = 1
    }
    dueAt[page] = nextUse[index] as number
    farthest.push(dueAt[page] as number, page)
  }
  return score
}

function nextUses(trace: Trace): Uint32Array {
  const never = trace.pages.length
  const nextUse = new Uint32Array(never)
  const seen = new Uint32Array(trace.pageCount).fill(never)
  for (let index = never - 1; index >= 0; index--) {
    const page = trace.pages[index] as number
    nextUse[index] = seen[page] as number
    if (trace.kinds[index] !== AccessKind.readAhead) seen[page] = index
  }
  return nextUse
}

/** Binary heap of (key, page) pairs, packed into one number each: key × 2^22 + page. */
class MaxHeap {
  private readonly items: number[] = []

  push(key: number, page: number): void {
    const item = key * 2 ** 22 + page
    let hole = this.items.length
    this.items.push(item)
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      if ((this.items[parent] as number) >= item) break
      this.items[hole] = this.items[parent] as number
      hole = parent
    }
    this.items[hole] = item
  }

  /** REQUIRES: the heap is not empty. */
  pop(): [key: number, page: number] {
    const top = this.items[0] as number
    const last = this.items.pop() as number
    if (this.items.length > 0) this.sink(last)
    return [Math.floor(top / 2 ** 22), top % 2 ** 22]
  }

  private sink(item: number): void {
    const size = this.items.length
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= size) break
      const right = child + 1
      if (right < size && (this.items[right] as number) > (this.items[child] as number)) {
        child = right
      }
      if ((this.items[child] as number) <= item) break
      this.items[hole] = this.items[child] as number
      hole = child
    }
    this.items[hole] = item
  }
}
