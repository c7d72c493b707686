// `random-warm`: the touches of `random-cold` while our store's file is in the page cache. The
// rival's page cache is its memory, so it is limited like our buffer, and misses go to the disk; a
// second rival has all of it in memory.
import { runRounds } from '../rounds.ts'
import { compare, type Scenario } from '../scenario.ts'
import { waySwitches } from '../ways.ts'
import { randomSwitches, threadsText } from './random-cold.ts'

/** Random touches of a file that is in the page cache. */
export const randomWarm: Scenario = {
  name: 'random-warm',
  work: 'Touches of random 4 KiB pages, 4 GiB through 512 MiB, over a file in the page cache.',
  async run(bench) {
    const comparisons = []
    for (const threads of [1, 2, 8]) {
      const program = 'random'
      const sizes = randomSwitches(bench, threads)
      const ours = (['userfaultfd', 'in-thread'] as const).map((way) =>
        bench.native({
          name: way,
          program,
          switches: { ...sizes, ...waySwitches(way) },
          cache: 'warm',
        }),
      )
      const switches = { ...sizes, memory: 'mmap-random' }
      const peers = [
        bench.native({
          name: 'mmap MADV_RANDOM, limited',
          program,
          switches,
          // What is cached outside would be charged to nobody.
          cache: 'cold',
          limitBytes: bench.sizes.bufferBytes,
        }),
        bench.native({ name: 'mmap, all in memory', program, switches, cache: 'warm' }),
      ]
      const rounds = await runRounds(bench.runs, [...ours, ...peers])
      for (const contender of ours) {
        for (const peer of peers) {
          comparisons.push(
            compare(rounds, 'random-warm', {
              case: `${contender.name}, ${threadsText(threads)}`,
              figure: 'touchesPerSecond',
              unit: 'touches/s',
              ours: contender,
              peer,
            }),
          )
        }
      }
    }
    return { comparisons }
  },
}
