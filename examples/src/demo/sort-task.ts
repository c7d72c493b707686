// The first half of the demo: a file of random records, several times larger than the page buffer,
// is sorted in place through a mapping, then checked through another mapping and without one.
import { open } from 'node:fs/promises'
import { formatBytes, type MappingReport } from './mapping-report.ts'
import { RecordSort, type WordRange } from './radix-sort.ts'
import { OrderCheck, RecordChecksum, RecordSource, recordBytes, recordWords } from './record.ts'
import { type Mapping, type Run, runMapped, takeTurn } from './run.ts'

/** What to sort. */
export interface SortTask {
  /** The file, which the task makes. */
  readonly path: string
  /** Its size: a multiple of {@link recordBytes}. */
  readonly fileBytes: number
  readonly bufferBytes: number
  /** Of the random keys. */
  readonly seed: number
}

const pageBytes = 64 * 1024
const wordBytes = 4
const stepBytes = 2 ** 20

/** Writes, sorts and checks the file; throws an `Error` when it is not sorted or not the same. */
export async function runSortTask(run: Run, task: SortTask): Promise<MappingReport[]> {
  const written = await writeRecords(run, task)
  const sorting = await sortMapped(run, task)
  const checking = await checkMapped(run, task, written)
  await checkFile(run, task, written)
  return [sorting, checking]
}

async function writeRecords(run: Run, task: SortTask): Promise<string> {
  const { path, fileBytes, seed } = task
  const source = new RecordSource(seed)
  const checksum = new RecordChecksum()
  const bytes = new Uint8Array(Math.min(stepBytes, fileBytes))
  run.progress.start('write records', fileBytes)
  await using file = await open(path, 'wx')
  for (let offset = 0; offset < fileBytes; offset += bytes.byteLength) {
    const stepByteLength = Math.min(bytes.byteLength, fileBytes - offset)
    const step = new Int32Array(bytes.buffer, 0, stepByteLength / wordBytes)
    source.fill(step)
    checksum.add(step)
    await file.writeFile(bytes.subarray(0, stepByteLength))
    await takeTurn(run, stepByteLength)
  }
  run.progress.finish(`${formatBytes(fileBytes)}, checksum ${checksum}, seed ${seed}`)
  return String(checksum)
}

function sortMapped(run: Run, task: SortTask): Promise<MappingReport> {
  const { fileBytes, bufferBytes } = task
  const mapping: Mapping = { ...task, title: 'sort', access: 'read-write', pageBytes }
  return runMapped(run, mapping, async ({ region, turn }) => {
    run.progress.start('sort in place', 3 * fileBytes)
    const sort = new RecordSort(region.view(Int32Array), {
      fanOutBits: fanOutBits(bufferBytes),
      inCoreWords: bufferBytes / 4 / wordBytes,
      turn: (_phase, words) => turn(words * wordBytes),
      announce: (ranges) => region.prefault(ranges.map(toByteRange)),
    })
    await sort.sort()
    const through = `${formatBytes(fileBytes)} through ${formatBytes(bufferBytes)}`
    run.progress.finish(`${through}, ${fileBytes / recordBytes} records`)
    run.progress.start('flush', 1)
    await region.flush()
    run.progress.finish('every byte is durable in the file')
    return sort.touchCount
  })
}

/**
 * Bits of the digit by which a part that exceeds the buffer is partitioned. Each bucket keeps one
 * page busy at a time, and all of these pages have to fit, with as much room again for read-ahead.
 */
function fanOutBits(bufferBytes: number): number {
  return Math.max(1, Math.min(8, Math.floor(Math.log2(bufferBytes / pageBytes / 2))))
}

function toByteRange({ begin, end }: WordRange): { offset: number; byteLength: number } {
  return { offset: begin * wordBytes, byteLength: (end - begin) * wordBytes }
}

function checkMapped(run: Run, task: SortTask, written: string): Promise<MappingReport> {
  const mapping: Mapping = { ...task, title: 'check', access: 'read-only', pageBytes }
  return runMapped(run, mapping, async ({ region, turn }) => {
    run.progress.start('check through a mapping', task.fileBytes)
    const order = new OrderCheck()
    const checksum = new RecordChecksum()
    const words = region.view(Int32Array)
    for (let at = 0; at < words.length; at += stepBytes / wordBytes) {
      const step = words.subarray(at, at + stepBytes / wordBytes)
      order.add(step)
      checksum.add(step)
      await turn(step.byteLength)
    }
    requireSame(checksum, written)
    run.progress.finish(`sorted, checksum ${checksum}`)
    return (2 * words.length) / recordWords
  })
}

/** Reads the file as any other program would: what the mapping showed must have reached it. */
async function checkFile(run: Run, task: SortTask, written: string): Promise<void> {
  run.progress.start('check the file itself', task.fileBytes)
  const order = new OrderCheck()
  const checksum = new RecordChecksum()
  const bytes = new Uint8Array(stepBytes)
  await using file = await open(task.path)
  for (let offset = 0; offset < task.fileBytes; ) {
    const { bytesRead } = await file.read(bytes, 0, stepBytes, offset)
    if (bytesRead === 0 || bytesRead % recordBytes !== 0) {
      throw new Error(`the file ends inside a record, after ${offset + bytesRead} bytes`)
    }
    const step = new Int32Array(bytes.buffer, 0, bytesRead / wordBytes)
    order.add(step)
    checksum.add(step)
    offset += bytesRead
    await takeTurn(run, bytesRead)
  }
  requireSame(checksum, written)
  run.progress.finish(`sorted, checksum ${checksum}`)
}

function requireSame(checksum: RecordChecksum, written: string): void {
  if (String(checksum) === written) return
  throw new Error(`the records are not the ones written: checksum ${checksum}, not ${written}`)
}
