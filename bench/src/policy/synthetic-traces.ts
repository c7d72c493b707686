// Traces drawn from distributions: what key-value readers, scanners and caches see.

import { permutation, seededRandom, zipfRanks } from './random.ts'
import { AccessKind, type Trace, TraceBuilder } from './trace.ts'

/** Size and seed of a synthetic trace. */
export interface TraceSize {
  pageCount: number
  accessCount: number
  seed: number
}

const WARM_UP_SHARE = 0.25

/** Scrambled Zipf reads; every `writeEvery`-th access is a write (0: none). */
export function zipfTrace(size: TraceSize, exponent: number, writeEvery = 0): Trace {
  const { pageCount, accessCount, seed } = size
  const random = seededRandom(seed)
  const place = permutation(pageCount, random)
  const rank = zipfRanks(pageCount, exponent, random)
  const trace = new TraceBuilder()
  for (let count = 1; count <= accessCount; count++) {
    const isWrite = writeEvery > 0 && count % writeEvery === 0
    trace.add(place[rank()] as number, isWrite ? AccessKind.write : AccessKind.read)
  }
  const suffix = writeEvery > 0 ? ' rw' : ''
  return trace.build(`zipf ${exponent}${suffix}`, pageCount, WARM_UP_SHARE)
}

/** Uniform random reads. */
export function uniformTrace(size: TraceSize): Trace {
  const random = seededRandom(size.seed)
  const trace = new TraceBuilder()
  for (let count = 0; count < size.accessCount; count++) {
    trace.add(Math.floor(random() * size.pageCount))
  }
  return trace.build('uniform', size.pageCount, WARM_UP_SHARE)
}

/** Sequential passes over `loopShare` of the pages. */
export function loopTrace(size: TraceSize, loopShare: number): Trace {
  const loopCount = Math.ceil(size.pageCount * loopShare)
  const trace = new TraceBuilder()
  for (let count = 0; count < size.accessCount; count++) trace.add(count % loopCount)
  return trace.build(`loop ${loopShare}`, size.pageCount, WARM_UP_SHARE)
}

/**
 * Zipf readers while one thread scans the same pages, one scan access in `scanEvery`.
 * With `windowCount` the scanner's pages are read ahead in windows of that many pages.
 */
export function mixedTrace(size: TraceSize, scanEvery: number, windowCount = 0): Trace {
  const { pageCount, accessCount, seed } = size
  const random = seededRandom(seed)
  const place = permutation(pageCount, random)
  const rank = zipfRanks(pageCount, 0.99, random)
  const trace = new TraceBuilder()
  let scanned = 0
  for (let count = 0; count < accessCount; count++) {
    if (count % scanEvery !== 0) {
      trace.add(place[rank()] as number)
      continue
    }
    if (windowCount > 0 && scanned % windowCount === 0) {
      for (let ahead = 1; ahead <= windowCount; ahead++) {
        trace.add((scanned + ahead) % pageCount, AccessKind.readAhead)
      }
    }
    trace.add(scanned % pageCount, AccessKind.scan)
    scanned++
  }
  const suffix = windowCount > 0 ? ` ahead ${windowCount}` : ''
  return trace.build(`mixed 1:${scanEvery - 1}${suffix}`, pageCount, WARM_UP_SHARE)
}

/** Zipf 0.7 reads of a window of `shareOfPages`, which moves on by half of itself `moves` times. */
export function shiftingTrace(size: TraceSize, shareOfPages: number, moves: number): Trace {
  const { pageCount, accessCount, seed } = size
  const random = seededRandom(seed)
  const place = permutation(pageCount, random)
  const windowCount = Math.floor(pageCount * shareOfPages)
  const rank = zipfRanks(windowCount, 0.7, random)
  const trace = new TraceBuilder()
  for (let count = 0; count < accessCount; count++) {
    const start = Math.floor((count * moves) / accessCount) * Math.floor(windowCount / 2)
    trace.add(place[(start + rank()) % pageCount] as number)
  }
  return trace.build(`shifting ${shareOfPages}`, pageCount, WARM_UP_SHARE)
}

/** Zipf 0.99 over half of the pages; `wonderShare` of the accesses touch a page just once. */
export function oneHitTrace(size: TraceSize, wonderShare: number): Trace {
  const { pageCount, accessCount, seed } = size
  const random = seededRandom(seed)
  const place = permutation(pageCount, random)
  const hotCount = Math.floor(pageCount / 2)
  const rank = zipfRanks(hotCount, 0.99, random)
  const trace = new TraceBuilder()
  let wonders = 0
  for (let count = 0; count < accessCount; count++) {
    if (random() >= wonderShare) trace.add(place[rank()] as number)
    else trace.add(place[hotCount + (wonders++ % (pageCount - hotCount))] as number)
  }
  return trace.build(`one-hit ${wonderShare}`, pageCount, WARM_UP_SHARE)
}
