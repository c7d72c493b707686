// What a JavaScript program does without us: read pages with fs.readSync, keep as many as the memory
// allows in an lru-cache, and use the memory of a page that leaves for the next one.
import { closeSync, openSync, readSync } from 'node:fs'
import { LRUCache } from 'lru-cache'

/** The float64 values of a file, by page. */
export class PageCache {
  readonly pageBytes: number
  readonly #fd: number
  readonly #pages: LRUCache<number, Float64Array>
  readonly #free: Float64Array[] = []

  constructor(path: string, pageBytes: number, bufferBytes: number) {
    this.pageBytes = pageBytes
    this.#fd = openSync(path, 'r')
    this.#pages = new LRUCache({
      max: Math.floor(bufferBytes / pageBytes),
      dispose: (page) => void this.#free.push(page),
    })
  }

  /** The page of that number, read where it is not there. */
  page(number: number): Float64Array {
    return this.#pages.get(number) ?? this.#read(number)
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  #read(number: number): Float64Array {
    const page = this.#free.pop() ?? new Float64Array(this.pageBytes / 8)
    const count = readSync(this.#fd, page, 0, this.pageBytes, number * this.pageBytes)
    if (count !== this.pageBytes) throw new Error('the data file is shorter than it was')
    this.#pages.set(number, page)
    return page
  }
}
