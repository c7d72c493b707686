// What a store that is going to be killed does before, as plain data. The process that kills and
// the one that dies both derive the bytes from it. No state.

import type { StoreRef } from '@umap/store'
import { hashWords, Random } from '../random.ts'

/** When the process kills itself. */
export type CrashMoment =
  | { readonly when: 'flushed' }
  /** When a flush that began beside another one has resolved. */
  | { readonly when: 'flushed beside another' }
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
  readonly canDiscard: boolean
  /** Of the opening that is killed. */
  readonly session: string
  /** Generations that are written and flushed before the one that is killed; at least 1. */
  readonly flushCount: number
  readonly moment: CrashMoment
}

/** What a generation does with a page. */
export type PageAction = 'write' | 'discard' | 'keep'

/** The first generation writes every page, others write or discard about half of them. */
export function actionOf(plan: CrashPlan, generation: number, page: number): PageAction {
  const draw = hashWords(plan.seed, generation, page) % 8
  if (generation === 1 || draw < 4) {
    return 'write'
  }
  return draw === 4 && plan.canDiscard ? 'discard' : 'keep'
}

/** The bytes that `generation` leaves in a page that it does not keep. */
export function pageBytesOf(plan: CrashPlan, generation: number, page: number): Uint8Array {
  return actionOf(plan, generation, page) === 'discard'
    ? new Uint8Array(plan.pageBytes)
    : new Random(hashWords(plan.seed, generation, page, 1)).bytes(plan.pageBytes)
}

/** The bytes of `page` when every generation up to `generation` was flushed. */
export function flushedBytesOf(plan: CrashPlan, generation: number, page: number): Uint8Array {
  let last = generation
  while (actionOf(plan, last, page) === 'keep') {
    last -= 1
  }
  return pageBytesOf(plan, last, page)
}
