// Measured program: float64 reads all over the file from JavaScript, each compared with what the
// file holds there, once the memory is full. Prints touchesPerSecond.

import { valueAt } from '../pattern.ts'
import { openRegion } from './open-region.ts'
import { type NodeProgramOptions, printFigures, secondsSince, startProgram } from './options.ts'
import { PageCache } from './page-cache.ts'

// Touches between two looks at the clock.
const batchCount = 16

/** Indices below `end` in an order that both contenders follow: xorshift32, Marsaglia 2003. */
class Indices {
  #state = 2463534242
  readonly #end: number

  constructor(end: number) {
    this.#end = end
  }

  next(): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return Math.floor(((this.#state >>> 0) / 2 ** 32) * this.#end)
  }
}

function check(index: number, value: number | undefined): void {
  if (value !== valueAt(index)) throw new Error(`wrong value at index ${index}: ${value}`)
}

/** Touches for as long as asked; returns touches per second. */
function touchAll(
  options: NodeProgramOptions,
  read: (index: number) => number | undefined,
): number {
  const indices = new Indices(options.fileBytes / 8)
  const startedMs = performance.now()
  let touches = 0
  while (performance.now() - startedMs < options.milliseconds) {
    for (let i = 0; i < batchCount; i++) {
      const index = indices.next()
      check(index, read(index))
    }
    touches += batchCount
  }
  return touches / secondsSince(startedMs)
}

/** What is in memory before the clock starts. */
function fillBytes({ bufferBytes, fileBytes }: NodeProgramOptions): number {
  return Math.min(bufferBytes, fileBytes)
}

async function measureRegion(options: NodeProgramOptions): Promise<number> {
  await using region = await openRegion(options)
  const values = region.view(Float64Array)
  await region.prefault({ offset: 0, byteLength: fillBytes(options) })
  return touchAll(options, (index) => values[index])
}

function measureReadSync(options: NodeProgramOptions): number {
  const cache = new PageCache(options.file, options.pageBytes, options.bufferBytes)
  const pageValues = options.pageBytes / 8
  try {
    for (let number = 0; number < fillBytes(options) / options.pageBytes; number++) {
      cache.page(number)
    }
    return touchAll(options, (index) => {
      const number = Math.floor(index / pageValues)
      return cache.page(number)[index - number * pageValues]
    })
  } finally {
    cache.close()
  }
}

const options = startProgram()
const touchesPerSecond =
  options.memory === 'region' ? await measureRegion(options) : measureReadSync(options)
printFigures({ touchesPerSecond })
