// What the programs under Node measure: touches in an order that all contenders follow, for a while
// or one by one, and sums over pages. Every value is compared with what the pattern says.
import { valueAt } from '../pattern.ts'
import { secondsSince } from './options.ts'

// Touches between two looks at the clock.
const batchCount = 16

/** Indices below `end` in an order without pattern: xorshift32, Marsaglia 2003. */
export class Indices {
  #state: number
  readonly #end: number

  constructor(end: number, seed = 0) {
    this.#end = end
    this.#state = 2463534242 + seed * 7919
  }

  next(): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return Math.floor(((this.#state >>> 0) / 2 ** 32) * this.#end)
  }
}

/** Throws where the value at an index of the data is not what the pattern says. */
export function checkValue(index: number, value: number | undefined): void {
  if (value !== valueAt(index)) throw new Error(`wrong value at index ${index}: ${value}`)
}

/** Reads values all over the data for a while; returns touches per second. */
export function touchFor(
  milliseconds: number,
  valueCount: number,
  read: (index: number) => number | undefined,
  seed = 0,
): number {
  const indices = new Indices(valueCount, seed)
  const startedMs = performance.now()
  let touches = 0
  while (performance.now() - startedMs < milliseconds) {
    for (let i = 0; i < batchCount; i++) {
      const index = indices.next()
      checkValue(index, read(index))
    }
    touches += batchCount
  }
  return touches / secondsSince(startedMs)
}

/** The sum of `values` from `first` up to `end`. */
export function sumOf(values: Float64Array, first: number, end: number): number {
  let sum = 0
  for (let index = first; index < end; index++) sum += values[index] ?? 0
  return sum
}

/** Sums all values page by page; `page` gives the array that holds a page, and where it begins. */
export function sumPages(
  byteLength: number,
  pageBytes: number,
  page: (number: number) => { values: Float64Array; first: number },
): number {
  const pageValues = pageBytes / 8
  let sum = 0
  for (let number = 0; number < byteLength / pageBytes; number++) {
    const { values, first } = page(number)
    checkValue(number * pageValues, values[first])
    sum += sumOf(values, first, first + pageValues)
  }
  return sum
}

const spacing = 65_536

/** Touches one page in each 64 KiB, in random order, each once; the percentiles of their latencies. */
export function touchesOnce(byteLength: number, read: (index: number) => number | undefined) {
  const places = shuffled(byteLength / spacing)
  const latenciesUs = places.map((place) => {
    const index = (place * spacing) / 8
    const started = process.hrtime.bigint()
    const value = read(index)
    const latencyUs = Number(process.hrtime.bigint() - started) / 1e3
    checkValue(index, value)
    return latencyUs
  })
  return latencyFigures(latenciesUs)
}

/** The numbers below `count` in random order. */
export function shuffled(count: number): Float64Array {
  const numbers = Float64Array.from({ length: count }, (_, number) => number)
  const indices = new Indices(2 ** 31)
  for (let end = count; end > 1; end--) {
    const other = indices.next() % end
    const last = numbers[end - 1] ?? 0
    numbers[end - 1] = numbers[other] ?? 0
    numbers[other] = last
  }
  return numbers
}

/** Percentiles of latencies in µs, as figures. */
export function latencyFigures(latenciesUs: Float64Array) {
  const sorted = latenciesUs.toSorted()
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
  return { p50Us: at(0.5), p90Us: at(0.9), p99Us: at(0.99) }
}
