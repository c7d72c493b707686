// What the program that is killed writes, and what a data set must hold after each flush: every
// generation writes and discards some pages, which follow from the seed.

import { Random } from './random.mjs'

export const pageBytes = 16384
export const pageCount = 48
export const byteLength = (pageCount - 1) * pageBytes + 1000

export function stepsOf(seed, generation) {
  const random = new Random(seed + Math.imul(generation, 0x9e3779b1))
  return Array.from({ length: 1 + random.below(6) }, () => {
    const page = random.below(pageCount)
    const count = 1 + random.below(Math.min(5, pageCount - page))
    return { page, count, isDiscard: random.below(5) === 0 }
  })
}

export function apply(state, seed, generation) {
  for (const { page, count, isDiscard } of stepsOf(seed, generation)) {
    state.fill(isDiscard ? 0 : generation, page, page + count)
  }
}

export function rangeOf(page, count) {
  const offset = page * pageBytes
  return { offset, length: Math.min(count * pageBytes, byteLength - offset) }
}

export function fillPages(target, page, generation) {
  for (let done = 0; done < target.byteLength; done += pageBytes) {
    const bytes = target.subarray(done, done + pageBytes)
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2)
    words.fill(wordOf(page + done / pageBytes, generation))
  }
}

export function generationsOf(bytes) {
  return Uint32Array.from({ length: pageCount }, (_, page) => {
    const { offset, length } = rangeOf(page, 1)
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + offset, length >> 2)
    const word = words[0] ?? 0
    const generation = word >>> 6
    if (words.some((each) => each !== word) || (word !== 0 && word !== wordOf(page, generation))) {
      throw new Error(`page ${page} is torn: ${words.slice(0, 4)}…`)
    }
    return generation
  })
}

function wordOf(page, generation) {
  return generation === 0 ? 0 : ((generation << 6) | page) >>> 0
}
