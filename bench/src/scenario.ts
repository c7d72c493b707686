// What a scenario is: a piece of work, done by us and by rivals in turns, and what came out of it.
import type { Bench } from './bench.ts'
import { type Contender, figuresOf, type Rounds } from './rounds.ts'
import { type Comparison, median, type Reach } from './row.ts'

/** A curve of a plot. */
export interface Curve {
  readonly name: string
  /** Drawn dashed. */
  readonly isRival?: boolean
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** A plot of the report. */
export interface Plot {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  /** Logarithmic axes; 2 or 10 is the base. */
  readonly xLog?: 2 | 10
  readonly yLog?: 2 | 10
  /** Names for x, where it counts places: as many as there are places. */
  readonly xNames?: readonly string[]
  readonly curves: readonly Curve[]
}

/** What a run of a scenario gives. */
export interface Outcome {
  readonly comparisons: readonly Comparison[]
  readonly plots?: readonly Plot[]
  /** What the reader of the rows has to know: a rival that is missing, say. */
  readonly notes?: readonly string[]
}

/** One row of the benchmark's table. */
export interface Scenario {
  readonly name: string
  /** What is done, in a sentence or two. */
  readonly work: string
  readonly run: (bench: Bench) => Promise<Outcome>
}

/** What to compare. */
export interface CompareOptions {
  readonly case: string
  readonly figure: string
  /** Of the peer, where it is called otherwise. */
  readonly peerFigure?: string
  readonly unit: string
  readonly ours: Contender
  readonly peer: Contender
  readonly reach?: Reach | undefined
}

const unitsOfCost: readonly string[] = ['µs', 's', 'bytes', 'µs a page']

/** A comparison of two contenders that ran in the same rounds. */
export function compare(rounds: Rounds, scenario: string, options: CompareOptions): Comparison {
  const { figure, unit, ours, peer, reach } = options
  return {
    scenario,
    case: options.case,
    unit,
    moreIsBetter: !unitsOfCost.includes(unit),
    peerName: peer.name,
    ours: figuresOf(rounds, ours, figure),
    peer: figuresOf(rounds, peer, options.peerFigure ?? figure),
    ...(reach !== undefined && { reach }),
  }
}

/** The contender whose median is best. */
export function bestOf(
  rounds: Rounds,
  contenders: readonly Contender[],
  figure: string,
  moreIsBetter: boolean,
): Contender {
  const sign = moreIsBetter ? 1 : -1
  const score = (contender: Contender) => sign * median(figuresOf(rounds, contender, figure))
  return contenders.reduce((best, next) => (score(next) > score(best) ? next : best))
}
