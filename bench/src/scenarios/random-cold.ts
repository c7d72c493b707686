// `random-cold`: touches of random 4 KiB pages of a file eight times larger than the memory, past
// the page cache. Rival: mmap with random advice, whose page cache has as much memory.
import type { Bench } from '../bench.ts'
import { runRounds } from '../rounds.ts'
import type { Comparison } from '../row.ts'
import { compare, type Scenario } from '../scenario.ts'
import { type Way, waySwitches, ways } from '../ways.ts'

const cases: readonly {
  threads: number
  ways: readonly Way[]
  reach: Partial<Record<Way, number>>
}[] = [
  { threads: 1, ways, reach: { userfaultfd: 0.9, 'in-thread': 1.05 } },
  { threads: 2, ways: ['userfaultfd', 'in-thread'], reach: { userfaultfd: 1.05 } },
  { threads: 8, ways: ['userfaultfd', 'in-thread'], reach: { userfaultfd: 1.15 } },
]

/** Random touches of a file that is far larger than memory. */
export const randomCold: Scenario = {
  name: 'random-cold',
  work: 'Touches of random 4 KiB pages, 4 GiB through 512 MiB, O_DIRECT, from a full buffer.',
  async run(bench) {
    const comparisons: Comparison[] = []
    for (const one of cases) {
      const sizes = randomSwitches(bench, one.threads)
      const ours = one.ways.map((way) =>
        bench.native({
          name: way,
          program: 'random',
          switches: { ...sizes, ...waySwitches(way), direct: true },
          cache: 'cold',
        }),
      )
      const peer = bench.native({
        name: 'mmap MADV_RANDOM',
        program: 'random',
        switches: { ...sizes, memory: 'mmap-random' },
        cache: 'cold',
        limitBytes: bench.sizes.bufferBytes,
      })
      const rounds = await runRounds(bench.runs, [...ours, peer])
      for (const [index, contender] of ours.entries()) {
        const way = one.ways[index] ?? 'userfaultfd'
        const ratioMin = one.reach[way]
        comparisons.push(
          compare(rounds, 'random-cold', {
            case: `${way}, ${threadsText(one.threads)}`,
            figure: 'touchesPerSecond',
            unit: 'touches/s',
            ours: contender,
            peer,
            reach: ratioMin === undefined ? undefined : { ratioMin },
          }),
        )
      }
    }
    return { comparisons }
  },
}

/** The switches of `random` that all contenders share. */
export function randomSwitches({ sizes }: Bench, threads: number) {
  return {
    'file-bytes': sizes.fileBytes,
    'buffer-bytes': sizes.bufferBytes,
    'page-bytes': 4096,
    milliseconds: sizes.randomMs,
    threads,
  }
}

/** A number of threads, as a case names it. */
export function threadsText(count: number): string {
  return `${count} thread${count === 1 ? '' : 's'}`
}
