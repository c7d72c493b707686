// `hit`: what a touch costs that finds its page, in JavaScript. Rival: the same loops on an ordinary
// typed array.
import { runRounds } from '../rounds.ts'
import { compare, type Scenario } from '../scenario.ts'

const loops = [
  { name: 'sum in order', figure: 'sumPerSecond' },
  { name: 'random reads', figure: 'readsPerSecond' },
  { name: 'increments in order', figure: 'incrementsPerSecond' },
] as const

/** Loops over resident data. */
export const hit: Scenario = {
  name: 'hit',
  work:
    'From JavaScript: loops over a Float64Array of 256 MiB, all of it resident (and dirty, where ' +
    'it is written to). Elements a second.',
  async run(bench) {
    const { hitBytes } = bench.sizes
    const sizes = { 'file-bytes': hitBytes, 'page-bytes': 65_536, 'buffer-bytes': 2 * hitBytes }
    using file = await bench.makeFile({ byteLength: hitBytes })
    const common = {
      program: 'hit',
      cache: 'any',
      file,
      prepare: async () => file.clear(hitBytes),
    } as const
    const ours = bench.node({ ...common, name: 'ours', switches: { ...sizes, memory: 'region' } })
    const peer = bench.node({
      ...common,
      name: 'ordinary typed array',
      switches: { ...sizes, memory: 'ordinary' },
    })
    const rounds = await runRounds(bench.runs, [ours, peer])
    return {
      comparisons: loops.map(({ name, figure }) =>
        compare(rounds, 'hit', {
          case: name,
          figure,
          unit: 'elements/s',
          ours,
          peer,
          reach: { ratioMin: 0.97 },
        }),
      ),
    }
  },
}
