// What a store that is going to be killed does before, as plain data. The process that kills and
// the one that dies both derive the bytes from it. No state.

import type { StoreRef } from '@umap/store'
import { hashWords, Random } from '../random.ts'

/** When the process kills itself. */
export type CrashMoment =
  | { readonly when: 'flushed' }
  | { readonly when: 'written' }
  | { readonly when: 'writing' }
  /** When a flush has run for this share of the time that the one before it took. */
  | { readonly when: 'flushing'; readonly share: number }

/** The whole plan. */
export interface CrashPlan {
  readonly ref: StoreRef
  readonly seed: number
  readonly pageBytes: number
  readonly pageCount: number
  /** Generations that are written and flushed before the one that is killed; at least 1. */
  readonly flushCount: number
  readonly moment: CrashMoment
}

/** Whether `page` is written in `generation`: all are in the first, half of them in others. */
export function isWritten({ seed }: CrashPlan, generation: number, page: number): boolean {
  return generation === 1 || hashWords(seed, generation, page) % 2 === 0
}

/** The bytes that `generation` writes into `page`. */
export function pageBytesOf(plan: CrashPlan, generation: number, page: number): Uint8Array {
  return new Random(hashWords(plan.seed, generation, page, 1)).bytes(plan.pageBytes)
}

/** The bytes of `page` when every generation up to `generation` was flushed. */
export function flushedBytesOf(plan: CrashPlan, generation: number, page: number): Uint8Array {
  let last = generation
  while (!isWritten(plan, last, page)) {
    last -= 1
  }
  return pageBytesOf(plan, last, page)
}
