// Traces of two programs at page granularity: the partition passes of an in-place quicksort, and
// a breadth-first search that really runs over an R-MAT graph in compressed sparse rows.

import { permutation, type Random, seededRandom } from './random.ts'
import { AccessKind, type Trace, TraceBuilder } from './trace.ts'

/**
 * In-place quicksort of `pageCount` pages: two pointers run towards each other and swap. With
 * `windowCount` both are read ahead, in windows of that many pages.
 */
export function quicksortTrace(pageCount: number, seed: number, windowCount = 0): Trace {
  const random = seededRandom(seed)
  const trace = new TraceBuilder()
  const readAhead = (page: number, step: 1 | -1, low: number, high: number): void => {
    for (let ahead = 1; ahead <= windowCount; ahead++) {
      const next = page + step * ahead
      if (next >= low && next <= high) trace.add(next, AccessKind.readAhead)
    }
  }
  const sort = (first: number, end: number): void => {
    if (end - first < 2) {
      if (end > first) trace.add(first, AccessKind.write)
      return
    }
    const split = first + 1 + Math.floor((0.25 + 0.5 * random()) * (end - first - 1))
    let low = first
    let high = end - 1
    while (low <= high) {
      trace.add(low, AccessKind.write)
      trace.add(high, AccessKind.write)
      if ((low - first) % windowCount === 0) readAhead(low, 1, low, high)
      if ((end - 1 - high) % windowCount === 0) readAhead(high, -1, low, high)
      // The pointers move in proportion to the two sides, so that they meet at the split.
      if (low < split && (high < split || random() < (split - first) / (end - first))) low++
      else high--
    }
    sort(first, split)
    sort(split, end)
  }
  sort(0, pageCount)
  return trace.build(`quicksort${windowCount > 0 ? ` ahead ${windowCount}` : ''}`, pageCount, 0)
}

/** A graph in compressed sparse rows. */
interface Graph {
  starts: Uint32Array
  targets: Uint32Array
}

/** R-MAT (Chakrabarti et al., 2004) with Graph500's 0.57, 0.19, 0.19, 0.05, labels shuffled. */
function rmatGraph(scale: number, edgesPerVertex: number, random: Random): Graph {
  const vertexCount = 2 ** scale
  const edgeCount = vertexCount * edgesPerVertex
  const label = permutation(vertexCount, random)
  const from = new Uint32Array(edgeCount * 2)
  const to = new Uint32Array(edgeCount * 2)
  const starts = new Uint32Array(vertexCount + 1)
  for (let edge = 0; edge < edgeCount; edge++) {
    let row = 0
    let column = 0
    for (let bit = 0; bit < scale; bit++) {
      const draw = random()
      row = row * 2 + (draw >= 0.76 ? 1 : 0)
      column = column * 2 + ((draw >= 0.57 && draw < 0.76) || draw >= 0.95 ? 1 : 0)
    }
    from[2 * edge] = to[2 * edge + 1] = label[row] as number
    to[2 * edge] = from[2 * edge + 1] = label[column] as number
  }
  for (const vertex of from) starts[vertex + 1] = (starts[vertex + 1] as number) + 1
  for (let vertex = 0; vertex < vertexCount; vertex++) {
    starts[vertex + 1] = (starts[vertex + 1] as number) + (starts[vertex] as number)
  }
  const free = starts.slice()
  const targets = new Uint32Array(edgeCount * 2)
  for (let edge = 0; edge < edgeCount * 2; edge++) {
    const vertex = from[edge] as number
    const slot = free[vertex] as number
    targets[slot] = to[edge] as number
    free[vertex] = slot + 1
  }
  return { starts, targets }
}

/** Breadth-first search; 4-byte entries of starts, targets and parents lie in `pageBytes` pages. */
export function bfsTrace(scale: number, pageBytes: number, seed: number): Trace {
  const random = seededRandom(seed)
  const { starts, targets } = rmatGraph(scale, 8, random)
  const perPage = pageBytes / 4
  const vertexCount = 2 ** scale
  const targetsPage = Math.ceil(starts.length / perPage)
  const parentsPage = targetsPage + Math.ceil(targets.length / perPage)
  const pageCount = parentsPage + Math.ceil(vertexCount / perPage)
  const trace = new TraceBuilder()
  const parents = new Int32Array(vertexCount).fill(-1)
  const order = new Uint32Array(vertexCount)
  const degree = (vertex: number): number =>
    (starts[vertex + 1] as number) - (starts[vertex] as number)
  let root = 0
  while (degree(root) < 8) root++
  parents[root] = root
  order[0] = root
  let found = 1
  for (let next = 0; next < found; next++) {
    const vertex = order[next] as number
    trace.add(Math.floor(vertex / perPage))
    const end = starts[vertex + 1] as number
    for (let edge = starts[vertex] as number; edge < end; edge++) {
      const target = targets[edge] as number
      const parentPage = parentsPage + Math.floor(target / perPage)
      trace.add(targetsPage + Math.floor(edge / perPage))
      trace.add(parentPage)
      if (parents[target] !== -1) continue
      parents[target] = vertex
      trace.add(parentPage, AccessKind.write)
      order[found++] = target
    }
  }
  return trace.build('bfs', pageCount, 0)
}
