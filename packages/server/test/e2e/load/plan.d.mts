/** Unit of transfer of the data sets of the load. */
export const pageBytes: number
/** Owners at most: each has one word of every page. */
export const ownersMax: number
/** Word of each page that all owners count in, as an Int32. */
export const counterWord: number
/** The first word of each page that nobody ever writes. */
export const patternWord: number
/** Words of 8 bytes. */
export const wordsPerPage: number

/** The steps of one owner. */
export class Plan {
  constructor(options: { seed: number; owner: number; datasets: number; pagesPerDataset: number })
  /** Of all data sets together; a power of two. */
  readonly pages: number
  /** The page of a step, counted over all data sets. */
  pageAt(step: number): number
  /** What the owner's word of `page` holds after so many steps. */
  valueAfter(steps: number, page: number): number
}

/** What a word that nobody writes holds. */
export function patternAt(page: number, word: number): number
