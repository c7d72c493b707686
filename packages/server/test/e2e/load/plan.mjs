// What every owner of the load does, as arithmetic: step n of an owner writes n + 1 into its own
// word of one page. So whoever knows how many steps an owner has made knows what all its words must
// hold, and a step that is made twice changes nothing. Plain functions; touches no memory.

/** See plan.d.mts. */
export const pageBytes = 4096
export const ownersMax = 8
/** Word of each page that all owners count in, as an Int32. */
export const counterWord = ownersMax
/** The first word of each page that nobody ever writes. */
export const patternWord = ownersMax + 1
export const wordsPerPage = pageBytes / 8

export class Plan {
  constructor({ seed, owner, datasets, pagesPerDataset }) {
    this.pages = datasets * pagesPerDataset
    if ((this.pages & (this.pages - 1)) !== 0) throw new RangeError('pages must be a power of two')
    this.mask = this.pages - 1
    // Odd, and so a permutation of all pages; its inverse says when a page had its turn.
    this.stride = (mix(seed, owner) | 1) & this.mask
    this.offset = mix(seed + 1, owner) & this.mask
    this.inverse = invert(this.stride, this.mask)
  }

  /** The page of step `step`, over all data sets. */
  pageAt(step) {
    return (Math.imul(step & this.mask, this.stride) + this.offset) & this.mask
  }

  /** What the owner's word of `page` holds after `steps` steps. */
  valueAfter(steps, page) {
    const first = Math.imul((page - this.offset) & this.mask, this.inverse) & this.mask
    if (first >= steps) return 0
    return Math.floor((steps - 1 - first) / this.pages) * this.pages + first + 1
  }
}

/** What a word that nobody writes holds. Exact in a double. */
export function patternAt(page, word) {
  return (page + 1) * wordsPerPage + word
}

function mix(seed, owner) {
  let word = (seed + Math.imul(owner + 1, 0x9e3779b1)) | 0
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
  return (word ^ (word >>> 16)) >>> 0
}

// Newton's iteration: each round doubles the bits that are right.
function invert(odd, mask) {
  let inverse = odd
  for (let round = 0; round < 5; round++) {
    inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse))
  }
  return inverse & mask
}
