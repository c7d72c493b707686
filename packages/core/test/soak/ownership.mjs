// Which thread of the model may write which bytes of a store. In the first three quarters threads
// own 512-byte pieces in turn, so that every page has several writers. The last quarter is cut into
// one section a thread, where it may also discard.

const pieceBytes = 512

/** A random range, in bytes of the store, that `thread` owns and that lies in [from, to). */
export function ownedRange(random, { byteLength, threadCount, thread, from, to }) {
  const sharedEnd = sharedEndOf(byteLength)
  const section = sectionOf(byteLength, threadCount, thread)
  const [low, high] = [Math.max(section.from, from), Math.min(section.to, to)]
  const useSection = low < high && random.chance(0.3)
  if (useSection) {
    return cut(random, low, high, 3 * 4096)
  }
  const pieces = Math.floor((Math.min(sharedEnd, to) - from) / pieceBytes)
  const rows = Math.floor(pieces / threadCount) - 1
  if (rows <= 0) {
    return low < high ? cut(random, low, high, 3 * 4096) : undefined
  }
  // Pieces are counted from the start of the store, wherever the window begins.
  const firstPiece = Math.ceil(from / pieceBytes)
  const piece = nextOwned(firstPiece + random.integer(rows) * threadCount, threadCount, thread)
  return cut(random, piece * pieceBytes, (piece + 1) * pieceBytes, pieceBytes)
}

/** A range of the thread's own section inside [from, to); undefined where there is none. */
export function ownedSection(random, { byteLength, threadCount, thread, from, to }) {
  const section = sectionOf(byteLength, threadCount, thread)
  const [low, high] = [Math.max(section.from, from), Math.min(section.to, to)]
  return low < high ? cut(random, low, high, high - low) : undefined
}

/** Every range that `thread` owns in [from, to). */
export function* allOwnedRanges({ byteLength, threadCount, thread, from, to }) {
  const sharedEnd = sharedEndOf(byteLength)
  const first = nextOwned(Math.ceil(from / pieceBytes), threadCount, thread)
  for (let piece = first; (piece + 1) * pieceBytes <= Math.min(sharedEnd, to); ) {
    yield { offset: piece * pieceBytes, byteLength: pieceBytes }
    piece += threadCount
  }
  const section = sectionOf(byteLength, threadCount, thread)
  const [low, high] = [Math.max(section.from, from), Math.min(section.to, to)]
  if (low < high) yield { offset: low, byteLength: high - low }
}

function sharedEndOf(byteLength) {
  return Math.floor((byteLength * 3) / 4 / pieceBytes) * pieceBytes
}

function sectionOf(byteLength, threadCount, thread) {
  const start = sharedEndOf(byteLength)
  const edge = (index) => start + Math.floor(((byteLength - start) * index) / threadCount)
  return { from: edge(thread), to: edge(thread + 1) }
}

function nextOwned(piece, threadCount, thread) {
  return piece + ((thread - (piece % threadCount) + threadCount) % threadCount)
}

function cut(random, low, high, bytesMax) {
  const offset = low + random.integer(high - low)
  return { offset, byteLength: 1 + random.integer(Math.min(bytesMax, high - offset)) }
}
