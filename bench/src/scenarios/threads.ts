// `threads`: faults a second of random touches over a file in the page cache, by more and more
// threads. The peer is the number of threads that does best: with more of them it must not collapse.
import { figuresOf, runRounds } from '../rounds.ts'
import { median } from '../row.ts'
import { bestOf, compare, type Scenario } from '../scenario.ts'
import { waySwitches } from '../ways.ts'
import { randomSwitches, threadsText } from './random-cold.ts'

const threadCounts = [1, 2, 4, 8, 16] as const
const measuredWays = ['userfaultfd', 'in-thread'] as const
const figure = 'touchesPerSecond'

/** Many threads that fault at once. */
export const threads: Scenario = {
  name: 'threads',
  work:
    'Touches of random 4 KiB pages, 4 GiB through 512 MiB over a file in the page cache, so that ' +
    'seven of eight fault, by 1 to 16 threads.',
  async run(bench) {
    const contenders = measuredWays.map((way) => ({
      way,
      all: threadCounts.map((count) =>
        bench.native({
          name: threadsText(count),
          program: 'random',
          switches: { ...randomSwitches(bench, count), ...waySwitches(way) },
          cache: 'warm',
        }),
      ),
    }))
    const rounds = await runRounds(
      bench.runs,
      contenders.flatMap(({ all }) => all),
    )
    return {
      comparisons: contenders.flatMap(({ way, all }) => {
        const best = bestOf(rounds, all, figure, true)
        const peer = { ...best, name: `its own best, ${best.name}` }
        const named = new Map([...rounds, [peer, rounds.get(best) ?? []]])
        return all.map((ours, index) =>
          compare(named, 'threads', {
            case: `${way}, ${ours.name}`,
            figure,
            unit: 'touches/s',
            ours,
            peer,
            // Fewer threads than the best are no collapse.
            reach: index > all.indexOf(best) ? { ratioMin: 0.8 } : undefined,
          }),
        )
      }),
      plots: [
        {
          title: 'Touches a second over threads, file in the page cache',
          xLabel: 'threads',
          yLabel: 'touches/s',
          xLog: 2,
          curves: contenders.map(({ way, all }) => ({
            name: way,
            points: all.map(
              (one, index) =>
                [threadCounts[index] ?? 0, median(figuresOf(rounds, one, figure))] as const,
            ),
          })),
        },
      ],
    }
  },
}
