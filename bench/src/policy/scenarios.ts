// The traces that the choice of policy rests on. Sizes are small enough for one core and a minute,
// and large enough that 5 % of the pages are still hundreds of frames.

import { bfsTrace, quicksortTrace } from './program-traces.ts'
import {
  loopTrace,
  mixedTrace,
  oneHitTrace,
  shiftingTrace,
  type TraceSize,
  uniformTrace,
  zipfTrace,
} from './synthetic-traces.ts'
import type { Trace } from './trace.ts'

/** Buffers, as parts of the data set. */
export const BUFFER_SHARES = [0.05, 0.1, 0.2, 0.3]

/**
 * Builds every trace from `seed`; `scale` below 1 makes them shorter, programs smaller. None reads
 * ahead, so that all policies and the optimum are asked the same.
 */
export function policyTraces(seed: number, scale = 1): Trace[] {
  const size = (pageCount: number, accessCount: number): TraceSize => ({
    pageCount,
    accessCount: Math.ceil(accessCount * scale),
    seed,
  })
  return [
    zipfTrace(size(16_384, 500_000), 0.99),
    zipfTrace(size(16_384, 500_000), 0.7),
    zipfTrace(size(16_384, 500_000), 0.99, 4),
    uniformTrace(size(16_384, 300_000)),
    loopTrace(size(16_384, 200_000), 1),
    loopTrace(size(16_384, 200_000), 0.35),
    mixedTrace(size(16_384, 600_000), 2),
    mixedTrace(size(16_384, 600_000), 6),
    shiftingTrace(size(16_384, 600_000), 0.1, 12),
    oneHitTrace(size(65_536, 500_000), 0.3),
    quicksortTrace(Math.ceil(8_192 * scale), seed),
    bfsTrace(15 + Math.floor(Math.log2(scale)), 512, seed),
  ]
}
