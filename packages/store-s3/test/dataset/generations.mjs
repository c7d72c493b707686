// What a writer that is going to be killed writes, and what a data set must hold that is at a given
// generation. Derived from a seed, so that the one who kills and the one who dies agree.

export const pageBytes = 16 * 1024
export const pageCount = 40
export const byteLength = pageBytes * (pageCount - 1) + 5000
export const chunkBytes = 64 * 1024

/** A word that depends on all of `words` (murmur3's finalizer). */
export function hashOf(...words) {
  let hash = 0x9e3779b9
  for (const word of words) {
    hash = Math.imul(hash ^ word, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    hash ^= hash >>> 16
  }
  return hash >>> 0
}

/** What generation `generation` does to `page`; page 0 is written in each, and says which it is. */
export function actionOf(seed, generation, page) {
  if (page === 0) {
    return 'write'
  }
  const choice = hashOf(seed, generation, page) % 16
  return choice === 0 ? 'discard' : choice < 4 ? 'write' : 'leave'
}

/** The bytes that `generation` writes into `page`. */
export function bytesOf(seed, generation, page) {
  const { length } = rangeOf(page)
  const word = Buffer.alloc(4)
  word.writeUInt32LE((hashOf(seed, generation, page, 1) | 1) >>> 0)
  const bytes = Buffer.alloc(length, word)
  if (page === 0) {
    bytes.writeUInt32LE(generation)
  }
  return bytes
}

/** Where `page` is. */
export function rangeOf(page) {
  const offset = page * pageBytes
  return { offset, length: Math.min(pageBytes, byteLength - offset) }
}

/** All bytes of the data set at `generation`; 0 is before the first. */
export function stateOf(seed, generation) {
  const state = Buffer.alloc(byteLength)
  for (let page = 0; page < pageCount; page++) {
    const { offset } = rangeOf(page)
    for (let back = generation; back > 0; back--) {
      const action = actionOf(seed, back, page)
      if (action === 'write') {
        bytesOf(seed, back, page).copy(state, offset)
      }
      if (action !== 'leave') {
        break
      }
    }
  }
  return state
}
