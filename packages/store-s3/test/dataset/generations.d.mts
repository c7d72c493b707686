// Types of generations.mjs.

export const pageBytes: number
export const pageCount: number
export const byteLength: number
export const chunkBytes: number
export function hashOf(...words: number[]): number
export function actionOf(
  seed: number,
  generation: number,
  page: number,
): 'write' | 'discard' | 'leave'
export function bytesOf(seed: number, generation: number, page: number): Buffer
export function rangeOf(page: number): { readonly offset: number; readonly length: number }
export function stateOf(seed: number, generation: number): Buffer
