// Measured program: loops over a typed array whose pages are all resident and dirty; `ordinary` is one
// that JavaScript made. Prints sumPerSecond, readsPerSecond and incrementsPerSecond, of elements.
import { umap } from '@umap/core'
import { fileStore } from '@umap/store-file'
import { Indices, sumOf } from './measure.ts'
import { chooseMemory, printFigures, secondsSince, startProgram } from './options.ts'

const options = startProgram()
const valueCount = options.fileBytes / 8
const passes = 4

/** Elements per second of `loop`, at its best: a hit has no store that could be slow. */
function rateOf(elementCount: number, loop: () => number): number {
  let best = 0
  for (let pass = 0; pass < passes; pass++) {
    const startedMs = performance.now()
    if (Number.isNaN(loop())) throw new Error('a loop found no number')
    best = Math.max(best, elementCount / secondsSince(startedMs))
  }
  return best
}

function increment(values: Float64Array): number {
  for (let index = 0; index < values.length; index++) values[index] = (values[index] ?? 0) + 1
  return values[0] ?? Number.NaN
}

function readAll(values: Float64Array, places: Uint32Array): number {
  let sum = 0
  for (let index = 0; index < places.length; index++) sum += values[places[index] ?? 0] ?? 0
  return sum
}

function measure(values: Float64Array): Record<string, number> {
  // 1. All of it is resident and dirty, and every loop is compiled.
  values.fill(1)
  const indices = new Indices(valueCount)
  const places = Uint32Array.from({ length: valueCount / 8 }, () => indices.next())
  // 2. The loops.
  return {
    sumPerSecond: rateOf(valueCount, () => sumOf(values, 0, values.length)),
    readsPerSecond: rateOf(places.length, () => readAll(values, places)),
    incrementsPerSecond: rateOf(valueCount, () => increment(values)),
  }
}

async function measureRegion(): Promise<Record<string, number>> {
  await using region = await umap({
    store: fileStore({ path: options.file }),
    access: 'read-write',
    pageBytes: options.pageBytes,
    buffer: { bytes: options.bufferBytes },
  })
  return measure(region.view(Float64Array))
}

const figures = await chooseMemory(options, {
  region: measureRegion,
  ordinary: async () => measure(new Float64Array(valueCount)),
})
printFigures(figures)
