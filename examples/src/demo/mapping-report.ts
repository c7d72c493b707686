// What the engine did for each task, as a table, with the definition of every figure that could be
// read in two ways.
import type { RegionStats } from '@umap/core'

/** One column of the table. */
export interface MappingReport {
  readonly title: string
  readonly mappedBytes: number
  readonly bufferBytes: number
  readonly stats: RegionStats
  /** The most memory that the page buffer ever held. */
  readonly residentBytesMax: number
  /** The largest resident set of the process until the task ended, tasks before it included. */
  readonly processBytesMax: number
  /** How often the task's own code loaded or stored an item; undefined where it cannot know. */
  readonly touchCount: number | undefined
}

type Row = [name: string, cell: (report: MappingReport) => string]

const rows: Row[] = [
  ['mapped', ({ mappedBytes }) => formatBytes(mappedBytes)],
  ['page buffer', ({ bufferBytes }) => formatBytes(bufferBytes)],
  ['peak of the buffer', ({ residentBytesMax }) => formatBytes(residentBytesMax)],
  ['process peak so far', ({ processBytesMax }) => formatBytes(processBytesMax)],
  ['touches (1)', ({ touchCount }) => (touchCount === undefined ? '-' : formatCount(touchCount))],
  ['faults', ({ stats }) => formatCount(stats.faults)],
  ['first writes (2)', ({ stats }) => formatCount(stats.writeProtectFaults)],
  ['hit share (3)', formatHitShare],
  ['fault latency p50', ({ stats }) => formatUs(stats.faultLatencyUs.p50)],
  ['fault latency p99', ({ stats }) => formatUs(stats.faultLatencyUs.p99)],
  ['fault latency max', ({ stats }) => formatUs(stats.faultLatencyUs.max)],
  ['standby hits (4)', ({ stats }) => formatCount(stats.standbyHits)],
  ['fills', ({ stats }) => formatCount(stats.fills)],
  ['filled', ({ stats }) => formatBytes(stats.fillBytes)],
  ['of that read ahead', ({ stats }) => formatBytes(stats.readAheadBytes)],
  ['read ahead and used', ({ stats }) => formatBytes(stats.readAheadUsedBytes)],
  ['evictions', ({ stats }) => formatCount(stats.evictions)],
  ['write-backs', ({ stats }) => formatCount(stats.writeBacks)],
  ['written back', ({ stats }) => formatBytes(stats.writeBackBytes)],
]

/** The table as text, one column a report. */
export function formatReports(reports: MappingReport[]): string {
  const header = ['', ...reports.map(({ title }) => title)]
  const cells = [header, ...rows.map(([name, cell]) => [name, ...reports.map(cell)])]
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)))
  const lines = cells.map((row) =>
    row
      .map((cell, column) => (column ? cell.padStart(widths[column]!) : cell.padEnd(widths[0]!)))
      .join('  '),
  )
  return [
    ...lines,
    '(1) times that the task loaded or stored a record or a value, counted by its own code',
    '(2) faults by which the engine learns that a clean page is written to; among those in the row above',
    '(3) share of the touches that were no fault: 1 - faults / touches',
    '(4) faults that were answered by a page still in memory, without a fill',
  ].join('\n')
}

function formatHitShare({ stats, touchCount }: MappingReport): string {
  if (touchCount === undefined) return '-'
  return `${(100 * Math.max(0, 1 - stats.faults / touchCount)).toFixed(4)} %`
}

/** Bytes in the largest binary unit that leaves a figure of 1 or more. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB']
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  const value = bytes / 1024 ** unit
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

function formatUs(us: number): string {
  return us < 1000 ? `${us.toFixed(1)} us` : `${(us / 1000).toFixed(1)} ms`
}
