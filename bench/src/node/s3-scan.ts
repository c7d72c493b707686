// Measured program: the sum of all float64 values of an S3 object in order. The first value of each
// page is checked. Prints megabytesPerSecond.
import { closeSync, openSync, readSync } from 'node:fs'
import { checkValue, sumOf, sumPages } from './measure.ts'
import { chooseMemory, printFigures, secondsSince, startProgram } from './options.ts'
import { mapObject, ObjectReader } from './s3-object.ts'

const options = startProgram()
const { fileBytes, pageBytes } = options
const pageValues = pageBytes / 8
const getBytes = 4 * 2 ** 20
const getsAtOnce = 16

async function scanRegion(): Promise<number> {
  await using region = await mapObject(options)
  const values = region.view(Float64Array)
  const startedMs = performance.now()
  sumPages(fileBytes, pageBytes, (number) => ({ values, first: number * pageValues }))
  return secondsSince(startedMs)
}

/** GETs ahead of the sum, in order, as many at once as keep the server busy. */
async function scanByGets(): Promise<number> {
  using reader = new ObjectReader(options)
  // The client's start is no part of a scan; umap() has had its own before the clock too.
  await reader.get(0, 8)
  const startedMs = performance.now()
  const starts = Array.from({ length: fileBytes / getBytes }, (_, part) => part * getBytes)
  const ahead: Promise<Float64Array>[] = []
  let next = 0
  const ask = (): void => {
    const offset = starts[next++]
    if (offset !== undefined) ahead.push(reader.get(offset, getBytes))
  }
  for (let count = 0; count < getsAtOnce; count++) ask()
  for (let part = 0; ahead.length > 0; part++) {
    const values = (await ahead.shift()) ?? new Float64Array()
    ask()
    checkValue((part * getBytes) / 8, values[0])
    if (Number.isNaN(sumOf(values, 0, values.length))) throw new Error(`no numbers in part ${part}`)
  }
  return secondsSince(startedMs)
}

async function scanMount(): Promise<number> {
  const fd = openSync(options.file, 'r')
  const values = new Float64Array(pageValues)
  const startedMs = performance.now()
  sumPages(fileBytes, pageBytes, (number) => {
    const count = readSync(fd, values, 0, pageBytes, number * pageBytes)
    if (count !== pageBytes) throw new Error('the mounted file is shorter than the object')
    return { values, first: 0 }
  })
  closeSync(fd)
  return secondsSince(startedMs)
}

const seconds = await chooseMemory(options, {
  region: scanRegion,
  sdk: scanByGets,
  mount: scanMount,
})
printFigures({ megabytesPerSecond: fileBytes / 1e6 / seconds })
