// Benchmark rows: what a comparison measured, as the JSON says it and as a person reads it. Pure.

/** One row of the JSON; `ratio` is how many times better ours is. */
export interface Row {
  scenario: string
  case: string
  ours: number
  peer: number
  peerName: string
  unit: string
  ratio: number
  runs: number
}

/** The figures of two contenders that ran in turns. */
export interface Comparison {
  readonly scenario: string
  readonly case: string
  readonly unit: string
  /** False for times. */
  readonly moreIsBetter: boolean
  readonly peerName: string
  readonly ours: readonly number[]
  readonly peer: readonly number[]
}

/** The middle figure; of two middle ones their mean. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]
  if (upper === undefined) throw new RangeError('no figures')
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** The row of a comparison: medians, and their quotient. */
export function toRow(comparison: Comparison): Row {
  const ours = median(comparison.ours)
  const peer = median(comparison.peer)
  return {
    scenario: comparison.scenario,
    case: comparison.case,
    ours,
    peer,
    peerName: comparison.peerName,
    unit: comparison.unit,
    ratio: comparison.moreIsBetter ? ours / peer : peer / ours,
    runs: comparison.ours.length,
  }
}

/** A table for a terminal: medians with the smallest and the largest figure. */
export function formatTable(comparisons: readonly Comparison[]): string {
  const head = ['case', 'ours (min–max)', 'peer (min–max)', 'unit', 'peer is', 'ratio']
  const body = comparisons.map((comparison) => [
    comparison.case,
    formatFigures(comparison.ours),
    formatFigures(comparison.peer),
    comparison.unit,
    comparison.peerName,
    `${toRow(comparison).ratio.toFixed(2)}×`,
  ])
  const rows = [head, ...body]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const isNumber = (column: number) => column === 1 || column === 2 || column === 5
  return rows
    .map((row) =>
      row
        .map((text, column) => {
          const width = widths[column] ?? 0
          return isNumber(column) ? text.padStart(width) : text.padEnd(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function formatFigures(figures: readonly number[]): string {
  const [low, high] = [Math.min(...figures), Math.max(...figures)]
  return `${formatFigure(median(figures))} (${formatFigure(low)}–${formatFigure(high)})`
}

function formatFigure(figure: number): string {
  if (figure >= 1e6) return `${(figure / 1e6).toFixed(2)}M`
  if (figure >= 1e4) return `${(figure / 1e3).toFixed(1)}k`
  return figure >= 100 ? figure.toFixed(0) : figure.toFixed(2)
}
