// `random-list`: the touches of `random-cold` by a thread that knows which pages come next, and says
// so 64 pages at a time: by `prefault` to us, by MADV_WILLNEED to the kernel.
import { runRounds } from '../rounds.ts'
import { compare, type Scenario } from '../scenario.ts'
import { randomSwitches } from './random-cold.ts'

/** Random touches that are announced. */
export const randomList: Scenario = {
  name: 'random-list',
  work: 'The touches of random-cold by one thread, announced 64 at a time while the 64 before are touched.',
  async run(bench) {
    const sizes = { ...randomSwitches(bench, 1), announce: 64 }
    const ours = bench.native({
      name: 'prefault',
      program: 'random',
      switches: { ...sizes, memory: 'engine', direct: true },
      cache: 'cold',
    })
    const peers = [
      { name: 'mmap MADV_RANDOM', memory: 'mmap-random', ratioMin: 2.5 },
      { name: 'mmap MADV_RANDOM, MADV_WILLNEED', memory: 'mmap-willneed', ratioMin: 1.2 },
    ].map(({ name, memory, ratioMin }) => ({
      contender: bench.native({
        name,
        program: 'random',
        switches: { ...sizes, memory },
        cache: 'cold',
        limitBytes: bench.sizes.bufferBytes,
      }),
      ratioMin,
    }))
    const all = [ours, ...peers.map(({ contender }) => contender)]
    const rounds = await runRounds(bench.runs, all)
    return {
      comparisons: peers.map(({ contender, ratioMin }) =>
        compare(rounds, 'random-list', {
          case: '1 thread',
          figure: 'touchesPerSecond',
          unit: 'touches/s',
          ours,
          peer: contender,
          reach: { ratioMin },
        }),
      ),
    }
  },
}
