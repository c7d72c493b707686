// Measured program: the sum of all float64 values of the file in order, from JavaScript. The sum and
// the first value of each page are checked. Prints megabytesPerSecond.

import { valueAt } from '../pattern.ts'
import { openRegion } from './open-region.ts'
import { type NodeProgramOptions, printFigures, secondsSince, startProgram } from './options.ts'
import { PageCache } from './page-cache.ts'

function sumOf(values: Float64Array, first: number, end: number): number {
  let sum = 0
  for (let index = first; index < end; index++) sum += values[index] ?? 0
  return sum
}

function check(index: number, value: number | undefined): void {
  if (value !== valueAt(index)) throw new Error(`wrong value at index ${index}: ${value}`)
}

async function scanRegion(options: NodeProgramOptions): Promise<number> {
  await using region = await openRegion(options)
  const values = region.view(Float64Array)
  const pageValues = options.pageBytes / 8
  const startedMs = performance.now()
  let sum = 0
  for (let first = 0; first < values.length; first += pageValues) {
    check(first, values[first])
    sum += sumOf(values, first, first + pageValues)
  }
  return finish(options, sum, startedMs)
}

function scanReadSync(options: NodeProgramOptions): number {
  const cache = new PageCache(options.file, options.pageBytes, options.bufferBytes)
  const pageValues = options.pageBytes / 8
  const startedMs = performance.now()
  let sum = 0
  for (let number = 0; number < options.fileBytes / options.pageBytes; number++) {
    const page = cache.page(number)
    check(number * pageValues, page[0])
    sum += sumOf(page, 0, pageValues)
  }
  cache.close()
  return finish(options, sum, startedMs)
}

function finish(options: NodeProgramOptions, sum: number, startedMs: number): number {
  const seconds = secondsSince(startedMs)
  if (sum !== options.sum) throw new Error(`the scan's sum is ${sum}, not ${options.sum}`)
  return options.fileBytes / 1e6 / seconds
}

const options = startProgram()
const megabytesPerSecond =
  options.memory === 'region' ? await scanRegion(options) : scanReadSync(options)
printFigures({ megabytesPerSecond })
