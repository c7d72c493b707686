// The second half of the demo: a public data set (United States flights of 2001, from the Bureau of
// Transportation Statistics, in the npm package vega-datasets) is mapped with a buffer smaller than
// the file and answers questions through the ordinary readers of its formats.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Float32, type Int16, tableFromIPC } from 'apache-arrow'
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type DecodedArray,
  parquetMetadataAsync,
  parquetRead,
} from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { MappingReport } from './mapping-report.ts'
import { type Run, runMapped } from './run.ts'

/** Answers both questions; throws an `Error` when the mapped file and the plain file disagree. */
export async function runFlightsTask(run: Run): Promise<MappingReport[]> {
  return [await askArrow(run), await askParquet(run)]
}

function dataFile(name: string): string {
  return fileURLToPath(new URL(`../data/${name}`, import.meta.resolve('vega-datasets')))
}

async function askArrow(run: Run): Promise<MappingReport> {
  const path = dataFile('flights-200k.arrow')
  const mapping = { title: 'Arrow', path, access: 'read-only', pageBytes: 16 * 1024 } as const
  const bufferBytes = 512 * 1024
  return runMapped(run, { ...mapping, bufferBytes }, async ({ region }) => {
    run.progress.start('flights are latest at (Arrow)', 1)
    const answer = latestHour(region.view(Uint8Array))
    requireSame(answer.text, latestHour(await readFile(path)).text)
    run.progress.finish(`${answer.text}; the plain file says the same`)
    return answer.valueCount
  })
}

/** The hour of the day whose flights have the largest mean delay, in the bytes of an Arrow file. */
function latestHour(bytes: Uint8Array): { text: string; valueCount: number } {
  const table = tableFromIPC<{ delay: Int16; distance: Int16; time: Float32 }>(bytes)
  const delays = new Means<number>()
  for (const batch of table.batches) {
    const times = batch.getChild('time')!.toArray()
    const minutes = batch.getChild('delay')!.toArray()
    for (let row = 0; row < batch.numRows; row++) delays.add(Math.floor(times[row]!), minutes[row]!)
  }
  const { key, mean } = delays.largest(1000)
  const text = `${key}:00 to ${key}:59, ${mean.toFixed(1)} minutes on average`
  return { text: `${text} (${table.numRows} flights)`, valueCount: 2 * table.numRows }
}

async function askParquet(run: Run): Promise<MappingReport> {
  const path = dataFile('flights-3m.parquet')
  const mapping = { title: 'Parquet', path, access: 'read-only', pageBytes: 64 * 1024 } as const
  const bufferBytes = 2 * 2 ** 20
  return runMapped(run, { ...mapping, bufferBytes }, async ({ region, turn }) => {
    const mappedFile: AsyncBuffer = {
      byteLength: region.byteLength,
      slice: (start, end = region.byteLength) =>
        region.view(Uint8Array, start, end - start).slice().buffer,
    }
    run.progress.start('flights are latest from (Parquet)', 2 * region.byteLength)
    const answer = await latestAirport(mappedFile, turn)
    requireSame(answer, await latestAirport(await asyncBufferFromFile(path), turn))
    run.progress.finish(`${answer}; the plain file says the same`)
    return undefined
  })
}

/** The airport whose departures have the largest mean delay, in a Parquet file. */
async function latestAirport(
  file: AsyncBuffer,
  turn: (bytes: number) => Promise<void>,
): Promise<string> {
  const metadata = await parquetMetadataAsync(file)
  const delays = new Means<string>()
  let rowStart = 0
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows)
    const columns = new Map<string, DecodedArray>()
    await parquetRead({
      file,
      metadata,
      compressors,
      columns: ['origin', 'delay'],
      rowStart,
      rowEnd,
      onChunk: ({ columnName, columnData }) => columns.set(columnName, columnData),
    })
    const origins = columns.get('origin')!
    const minutes = columns.get('delay')!
    for (let row = 0; row < rowEnd - rowStart; row++) {
      delays.add(String(origins[row]), Number(minutes[row]))
    }
    rowStart = rowEnd
    await turn(file.byteLength / metadata.row_groups.length)
  }
  const { key, mean } = delays.largest(10_000)
  return `${key}, ${mean.toFixed(1)} minutes on average (${rowStart} flights)`
}

/** Mean values by key. */
class Means<K> {
  readonly #sums = new Map<K, { sum: number; count: number }>()

  add(key: K, value: number): void {
    const entry = this.#sums.get(key)
    if (entry === undefined) this.#sums.set(key, { sum: value, count: 1 })
    else {
      entry.sum += value
      entry.count++
    }
  }

  /** The key with the largest mean among those with `countMin` values or more. */
  largest(countMin: number): { key: K; mean: number } {
    const means = Array.from(this.#sums, ([key, { sum, count }]) => ({
      key,
      mean: sum / count,
      count,
    }))
      .filter(({ count }) => count >= countMin)
      .sort((a, b) => b.mean - a.mean)
    const [first] = means
    if (first === undefined) throw new Error(`no key has ${countMin} values`)
    return first
  }
}

function requireSame(mapped: string, plain: string): void {
  if (mapped !== plain) throw new Error(`mapped file: ${mapped}; plain file: ${plain}`)
}
