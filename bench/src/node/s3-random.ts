// Measured program: float64 reads all over an S3 object, one after the other, each compared with what
// it holds there. Prints touchesPerSecond.
import { closeSync, openSync, readSync } from 'node:fs'
import { checkValue, Indices, touchFor } from './measure.ts'
import { chooseMemory, printFigures, secondsSince, startProgram } from './options.ts'
import { mapObject, ObjectReader } from './s3-object.ts'

const options = startProgram()
const { fileBytes, pageBytes, milliseconds } = options
const valueCount = fileBytes / 8

async function touchRegion(): Promise<number> {
  await using region = await mapObject(options)
  const values = region.view(Float64Array)
  return touchFor(milliseconds, valueCount, (index) => values[index])
}

async function touchByGets(): Promise<number> {
  using reader = new ObjectReader(options)
  await reader.get(0, 8)
  const indices = new Indices(valueCount)
  const startedMs = performance.now()
  let touches = 0
  for (; performance.now() - startedMs < milliseconds; touches++) {
    const index = indices.next()
    const offset = Math.floor((index * 8) / pageBytes) * pageBytes
    const values = await reader.get(offset, pageBytes)
    checkValue(index, values[index - offset / 8])
  }
  return touches / secondsSince(startedMs)
}

async function touchMount(): Promise<number> {
  const fd = openSync(options.file, 'r')
  const one = new Float64Array(1)
  const touchesPerSecond = touchFor(milliseconds, valueCount, (index) => {
    readSync(fd, one, 0, 8, index * 8)
    return one[0]
  })
  closeSync(fd)
  return touchesPerSecond
}

const touchesPerSecond = await chooseMemory(options, {
  region: touchRegion,
  sdk: touchByGets,
  mount: touchMount,
})
printFigures({ touchesPerSecond })
