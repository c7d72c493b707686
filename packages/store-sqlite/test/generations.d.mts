export const pageBytes: number
export const pageCount: number
export const byteLength: number

/** A run of pages that become one generation, or holes. */
export interface Step {
  readonly page: number
  readonly count: number
  readonly isDiscard: boolean
}
/** The steps of one generation. */
export function stepsOf(seed: number, generation: number): Step[]
/** Changes `state`, the generation of each page, as the flush of `generation` does. */
export function apply(state: Uint32Array, seed: number, generation: number): void
/** Where the bytes of `count` pages from `page` on are; the last page is a short one. */
export function rangeOf(page: number, count: number): { offset: number; length: number }
/** Gives each page of a run the bytes of `generation`. */
export function fillPages(target: Uint8Array, page: number, generation: number): void
/** The generation of each page in `bytes`. Throws for a page that is of none, or of two. */
export function generationsOf(bytes: Uint8Array): Uint32Array
