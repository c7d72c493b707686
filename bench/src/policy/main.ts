// `npm run bench -- policy`: prints the tables behind docs/decisions/0001-eviction-policy.md and
// returns the rows for the JSON. Same seed, same numbers; one core, a few minutes.

import { pathToFileURL } from 'node:url'
import { CATALOGUE, candidate, type PolicyEntry } from './catalogue.ts'
import { type Cell, makeCells, play, summarize } from './evaluate.ts'
import { quicksortTrace } from './program-traces.ts'
import { BUFFER_SHARES, policyTraces } from './scenarios.ts'
import { COLD, hitShare, readerHitShare, usPerAccess, WARM } from './simulate.ts'
import { mixedTrace, zipfTrace } from './synthetic-traces.ts'

/** One benchmark row; `ratio` is how many times better ours is. */
export interface PolicyRow {
  scenario: string
  case: string
  ours: number
  peer: number
  peerName: string
  unit: string
  ratio: number
  runs: number
}

/** What to run and where to print. */
export interface PolicyBenchOptions {
  seed: number
  /** Length of the traces, as part of the full length. */
  scale: number
  print: (line: string) => void
}

/** Runs all tables; the rows compare the chosen policy's hit share with Belady's. */
export function runPolicyBench(options: PolicyBenchOptions): PolicyRow[] {
  const { seed, scale, print } = options
  const cells = makeCells(policyTraces(seed, scale), BUFFER_SHARES)
  const tenPercent = cells.filter((cell) => isBuffer(cell, 0.1))
  printTable(print, 'µs per access, warm fill, buffer 10 %', tenPercent, (cell, entry) =>
    usPerAccess(entry ? play(cell, entry) : cell.belady, WARM).toFixed(2),
  )
  printTable(print, 'hit share, buffer 10 %', tenPercent, (cell, entry) =>
    hitShare(entry ? play(cell, entry) : cell.belady).toFixed(3),
  )
  const mixed = cells.filter((cell) => cell.trace.name.startsWith('mixed'))
  printTable(print, 'hit share of the readers, buffers 5 to 30 %', mixed, (cell, entry) =>
    readerHitShare(entry ? play(cell, entry) : cell.belady).toFixed(3),
  )
  printReadAhead(options)
  printHitTarget(options)
  printSummaries(print, 'all traces and buffers, geometric means', cells, CATALOGUE)
  printSummaries(print, 'standby share s and probation share p', cells, sweepShares())
  printSummaries(print, 'ghost reach g, uses u, writes w, batches', cells, sweepRest())
  return tenPercent.map((cell) => hitShareRow(cell))
}

function isBuffer(cell: Cell, share: number): boolean {
  return cell.frameCount === Math.round(cell.trace.pageCount * share)
}

function hitShareRow(cell: Cell): PolicyRow {
  const ours = hitShare(play(cell, candidate('chosen')))
  const peer = hitShare(cell.belady)
  return {
    scenario: 'policy',
    case: `${cell.trace.name}, buffer 10 %`,
    ours,
    peer,
    peerName: 'Belady',
    unit: 'hit share',
    ratio: ours / peer,
    runs: 1,
  }
}

function sweepShares(): PolicyEntry[] {
  return [0, 0.05, 0.1, 0.15, 0.25, 0.33].flatMap((standbyShare) =>
    [0.05, 0.1, 0.25, 0.5].map((probationShare) =>
      candidate(`s ${standbyShare} p ${probationShare}`, standbyShare, { probationShare }),
    ),
  )
}

function sweepRest(): PolicyEntry[] {
  return [
    ...[0, 0.5, 1, 2].map((ghostReach) => candidate(`g ${ghostReach}`, undefined, { ghostReach })),
    ...[0, 1, 2, 3, 7].map((usesMax) => candidate(`u ${usesMax}`, undefined, { usesMax })),
    candidate('w on', undefined, { writesCount: true }),
    ...[0.025, 0.01].map((standbyLowShare): PolicyEntry => {
      const chosen = candidate(`standby refilled below ${standbyLowShare}`)
      return { ...chosen, make: (shape) => chosen.make({ ...shape, standbyLowShare }) }
    }),
  ]
}

function printTable(
  print: (line: string) => void,
  title: string,
  cells: Cell[],
  figure: (cell: Cell, entry?: PolicyEntry) => string,
): void {
  const line = (name: string, texts: string[]): string => `| ${[name, ...texts].join(' | ')} |`
  print(`\n${title}\n`)
  const isOneBuffer = cells.every((cell) => isBuffer(cell, 0.1))
  const names = cells.map(({ trace, frameCount }) =>
    isOneBuffer
      ? trace.name
      : `${trace.name}: ${Math.round((100 * frameCount) / trace.pageCount)} %`,
  )
  print(line('policy', names))
  print(
    line(
      '---',
      cells.map(() => '---'),
    ),
  )
  for (const entry of CATALOGUE) {
    print(
      line(
        entry.name,
        cells.map((cell) => figure(cell, entry)),
      ),
    )
  }
  print(
    line(
      'Belady',
      cells.map((cell) => figure(cell)),
    ),
  )
}

function printSummaries(
  print: (line: string) => void,
  title: string,
  cells: Cell[],
  entries: PolicyEntry[],
): void {
  print(`\n${title}\n`)
  print('| policy | time ÷ Belady, warm | cold |')
  print('| --- | --- | --- |')
  for (const entry of entries) {
    const { name, warmRatio, coldRatio } = summarize(cells, entry)
    print(`| ${name} | ${warmRatio.toFixed(3)} | ${coldRatio.toFixed(3)} |`)
  }
}

/** Windows against shares: where the read-ahead of one scanner begins to push itself out. */
function printReadAhead({ seed, scale, print }: PolicyBenchOptions): void {
  const size = { pageCount: 16_384, accessCount: Math.ceil(600_000 * scale), seed }
  const windows = [0, 16, 32, 64, 96, 128, 256]
  const traces = [
    ...windows.map((windowCount) => mixedTrace(size, 6, windowCount)),
    quicksortTrace(4_096, seed),
    quicksortTrace(4_096, seed, 8),
  ]
  const cells = makeCells(traces, [0.1])
  print('\nread-ahead, buffer 10 %: µs per access, cold / store reads per 100 accesses\n')
  print(`| read-ahead to | ${traces.map(({ name }) => name).join(' | ')} |`)
  print(`| --- | ${traces.map(() => '---').join(' | ')} |`)
  for (const readAheadTo of ['standby', 'probation'] as const) {
    for (const share of [0.05, 0.1, 0.2]) {
      const entry =
        readAheadTo === 'standby'
          ? candidate(`standby, s ${share}, p 0.1`, share, { readAheadTo })
          : candidate(`probation, s 0.05, p ${share}`, 0.05, { probationShare: share })
      const texts = cells.map((cell) => {
        const score = play(cell, entry)
        const reads = (100 * (score.fills + score.readAheadFills)) / score.accesses
        return `${usPerAccess(score, COLD).toFixed(1)} / ${reads.toFixed(0)}`
      })
      print(`| ${entry.name} | ${texts.join(' | ')} |`)
    }
  }
}

/** The figure that the benchmark suite asks for, on several sizes and seeds. */
function printHitTarget({ seed, scale, print }: PolicyBenchOptions): void {
  print('\nzipf 0.99, buffer 10 %: hit share ÷ Belady\n')
  print('| pages | chosen | uses not kept | 2Q | FIFO |')
  print('| --- | --- | --- | --- | --- |')
  const entries = ['chosen', 'chosen, uses not kept', '2Q', 'FIFO']
  for (const pageCount of [4_096, 16_384, 65_536]) {
    const accessCount = Math.ceil(60 * pageCount * scale)
    const traces = [0, 1].map((more) =>
      zipfTrace({ pageCount, accessCount, seed: seed + more }, 0.99),
    )
    const cells = makeCells(traces, [0.1])
    const texts = entries.map((name) => {
      const entry = CATALOGUE.find((candidateEntry) => candidateEntry.name === name) as PolicyEntry
      return summarize(cells, entry).hitShareRatioMin.toFixed(3)
    })
    print(`| ${pageCount} | ${texts.join(' | ')} |`)
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  runPolicyBench({ seed: 1, scale: 0.5, print: (line) => console.log(line) })
}
