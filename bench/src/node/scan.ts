// Measured program: the sum of all float64 values of the file in order, from JavaScript. The sum and
// the first value of each page are checked. Prints megabytesPerSecond.
import { sumPages } from './measure.ts'
import { mapFile } from './mmap-addon.ts'
import { openRegion } from './open-region.ts'
import { chooseMemory, printFigures, secondsSince, startProgram } from './options.ts'
import { PageCache } from './page-cache.ts'

const options = startProgram()
const { file, fileBytes, bufferBytes, pageBytes } = options
const pageValues = pageBytes / 8

function scanArray(values: Float64Array): number {
  return sumPages(fileBytes, pageBytes, (number) => ({ values, first: number * pageValues }))
}

/** Megabytes per second of `scan`. */
function measure(scan: () => number): number {
  const startedMs = performance.now()
  const sum = scan()
  const seconds = secondsSince(startedMs)
  if (sum !== options.sum) throw new Error(`the scan's sum is ${sum}, not ${options.sum}`)
  return fileBytes / 1e6 / seconds
}

async function measureRegion(): Promise<number> {
  await using region = await openRegion(options)
  const values = region.view(Float64Array)
  return measure(() => scanArray(values))
}

async function measureReadSync(): Promise<number> {
  using cache = new PageCache(file, pageBytes, bufferBytes)
  return measure(() =>
    sumPages(fileBytes, pageBytes, (number) => ({ values: cache.page(number), first: 0 })),
  )
}

async function measureMmap(): Promise<number> {
  const values = new Float64Array(mapFile(file, fileBytes, 'normal'))
  return measure(() => scanArray(values))
}

const megabytesPerSecond = await chooseMemory(options, {
  region: measureRegion,
  'read-sync': measureReadSync,
  mmap: measureMmap,
})
printFigures({ megabytesPerSecond })
