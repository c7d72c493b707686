// Traces and buffers that the policy tests share: tiny, so that expected counts can be reasoned.

import { AccessKind, type Trace, TraceBuilder } from '../../src/policy/trace.ts'

/** A trace of reads, counted from the first access. */
export function readsOf(pages: number[]): Trace {
  const trace = new TraceBuilder()
  for (const page of pages) trace.add(page, AccessKind.read)
  return trace.build('test', Math.max(...pages) + 1, 0)
}

/** A buffer without standby unless told. */
export function shapeOf(trace: Trace, frameCount: number, standbyShare = 0) {
  return { pageCount: trace.pageCount, frameCount, standbyShare }
}
