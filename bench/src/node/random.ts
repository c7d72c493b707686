// Measured program: float64 reads all over the file from JavaScript, each compared with what the
// file holds there, once the memory is full. Prints touchesPerSecond.
import { touchFor } from './measure.ts'
import { mapFile } from './mmap-addon.ts'
import { openRegion } from './open-region.ts'
import { chooseMemory, printFigures, startProgram } from './options.ts'
import { PageCache } from './page-cache.ts'

const options = startProgram()
const { file, fileBytes, bufferBytes, pageBytes, milliseconds } = options
const valueCount = fileBytes / 8
/** What is in memory before the clock starts. */
const filledBytes = Math.min(bufferBytes, fileBytes)

async function measureRegion(): Promise<number> {
  await using region = await openRegion(options)
  const values = region.view(Float64Array)
  await region.prefault({ offset: 0, byteLength: filledBytes })
  return touchFor(milliseconds, valueCount, (index) => values[index])
}

async function measureReadSync(): Promise<number> {
  using cache = new PageCache(file, pageBytes, bufferBytes)
  const pageValues = pageBytes / 8
  for (let number = 0; number < filledBytes / pageBytes; number++) cache.page(number)
  return touchFor(milliseconds, valueCount, (index) => {
    const number = Math.floor(index / pageValues)
    return cache.page(number)[index - number * pageValues]
  })
}

async function measureMmap(): Promise<number> {
  const values = new Float64Array(mapFile(file, fileBytes, 'random'))
  return touchFor(milliseconds, valueCount, (index) => values[index])
}

const touchesPerSecond = await chooseMemory(options, {
  region: measureRegion,
  'read-sync': measureReadSync,
  mmap: measureMmap,
})
printFigures({ touchesPerSecond })
