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

/** What ought to be reached: a ratio at least, or a figure of ours at most. */
export type Reach = { readonly ratioMin: number } | { readonly oursMax: number }

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
  /** Absent for rows that only inform. */
  readonly reach?: Reach
}

/** The middle figure; of two middle ones their mean. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]
  if (upper === undefined) throw new RangeError('no figures')
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** How many times better the first figure is. */
export function ratioOf(comparison: Comparison, ours: number, peer: number): number {
  return comparison.moreIsBetter ? ours / peer : peer / ours
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
    ratio: ratioOf(comparison, ours, peer),
    runs: comparison.ours.length,
  }
}

/** The least and the largest ratio of the pairs that ran one after the other. */
export function ratioSpread(comparison: Comparison): readonly [number, number] {
  const ratios = comparison.ours.map((ours, round) =>
    ratioOf(comparison, ours, comparison.peer[round] ?? Number.NaN),
  )
  return [Math.min(...ratios), Math.max(...ratios)]
}

/** Whether the figure was reached; undefined where none is set. */
export function isReached(comparison: Comparison): boolean | undefined {
  const { reach } = comparison
  if (reach === undefined) return undefined
  const { ours, ratio } = toRow(comparison)
  return 'ratioMin' in reach ? ratio >= reach.ratioMin : ours <= reach.oursMax
}

/** What is to be reached, as a person reads it; empty where nothing is. */
export function formatReach({ reach, unit }: Comparison): string {
  if (reach === undefined) return ''
  return 'ratioMin' in reach ? `≥ ${reach.ratioMin.toFixed(2)}×` : `≤ ${reach.oursMax} ${unit}`
}

/** The median with the smallest and the largest figure. */
export function formatFigures(figures: readonly number[]): string {
  const [low, high] = [Math.min(...figures), Math.max(...figures)]
  return `${formatFigure(median(figures))} (${formatFigure(low)}–${formatFigure(high)})`
}

/** The ratio with the least and the largest of the pairs. */
export function formatRatio(comparison: Comparison): string {
  const [low, high] = ratioSpread(comparison)
  return `${toRow(comparison).ratio.toFixed(2)}× (${low.toFixed(2)}–${high.toFixed(2)})`
}

function formatFigure(figure: number): string {
  if (figure >= 1e9) return `${(figure / 1e9).toFixed(2)}G`
  if (figure >= 1e6) return `${(figure / 1e6).toFixed(2)}M`
  if (figure >= 1e4) return `${(figure / 1e3).toFixed(1)}k`
  return figure >= 100 ? figure.toFixed(0) : figure.toFixed(2)
}

const columns = [
  { head: 'case', isNumber: false, cell: (row: Comparison) => row.case },
  { head: 'ours (min–max)', isNumber: true, cell: (row: Comparison) => formatFigures(row.ours) },
  { head: 'peer (min–max)', isNumber: true, cell: (row: Comparison) => formatFigures(row.peer) },
  { head: 'unit', isNumber: false, cell: (row: Comparison) => row.unit },
  { head: 'peer is', isNumber: false, cell: (row: Comparison) => row.peerName },
  { head: 'ratio (of pairs)', isNumber: true, cell: formatRatio },
  { head: 'to reach', isNumber: true, cell: formatReach },
  { head: '', isNumber: false, cell: (row: Comparison) => marks.get(isReached(row)) ?? '' },
] as const

const marks = new Map<boolean | undefined, string>([
  [true, 'reached'],
  [false, 'LOST'],
])

/** A table for a terminal. */
export function formatTable(comparisons: readonly Comparison[]): string {
  const rows = [
    columns.map(({ head }) => head),
    ...comparisons.map((comparison) => columns.map(({ cell }) => cell(comparison))),
  ]
  const widths = columns.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows
    .map((row) =>
      row
        .map((text, column) => {
          const width = widths[column] ?? 0
          return columns[column]?.isNumber ? text.padStart(width) : text.padEnd(width)
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
