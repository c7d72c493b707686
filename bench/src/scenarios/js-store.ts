// `js-store`: what a fault costs over a store in JavaScript that answers at once, with and without a
// promise. There is no rival: the peer is the same fault over the file store, which needs no
// JavaScript.
import { figuresOf, runRounds } from '../rounds.ts'
import { median } from '../row.ts'
import { compare, type Scenario } from '../scenario.ts'

const kinds = [
  { name: 'synchronous', memory: 'sync-store', usMax: 12 },
  { name: 'asynchronous', memory: 'async-store', usMax: 22 },
] as const

const percentiles = [
  { name: 'p50', figure: 'p50Us' },
  { name: 'p90', figure: 'p90Us' },
  { name: 'p99', figure: 'p99Us' },
] as const

/** Faults over stores in JavaScript. */
export const jsStore: Scenario = {
  name: 'js-store',
  work:
    'From JavaScript: 4 KiB read faults over a store in JavaScript whose read() fills the page and ' +
    'returns, or returns a promise that is resolved.',
  async run(bench) {
    const { storeTouches, bufferBytes } = bench.sizes
    const spacing = 65_536
    using file = await bench.makeFile({ byteLength: 0 })
    const common = {
      program: 'js-store',
      cache: 'any',
      file,
      // A file of holes: nothing is read from it either.
      prepare: async () => file.clear(storeTouches * spacing),
    } as const
    const sizes = {
      'file-bytes': storeTouches * spacing,
      'buffer-bytes': bufferBytes,
      'page-bytes': 4096,
      touches: storeTouches,
    }
    const contenders = kinds.map(({ name, memory }) =>
      bench.node({ ...common, name, switches: { ...sizes, memory } }),
    )
    const peer = bench.node({
      ...common,
      name: 'file store, a hole',
      switches: { ...sizes, memory: 'file-store' },
    })
    const rounds = await runRounds(bench.runs, [...contenders, peer])
    return {
      comparisons: contenders.flatMap((ours, index) =>
        percentiles.map(({ name, figure }) =>
          compare(rounds, 'js-store', {
            case: `${ours.name}, ${name}`,
            figure,
            unit: 'µs',
            ours,
            peer,
            reach: name === 'p50' ? { oursMax: kinds[index]?.usMax ?? 0 } : undefined,
          }),
        ),
      ),
      plots: [
        {
          title: 'Latency of a fault from JavaScript',
          xLabel: 'percentile of the faults',
          yLabel: 'µs',
          yLog: 10,
          xNames: percentiles.map(({ name }) => name),
          curves: [...contenders, peer].map((contender) => ({
            name: contender.name,
            isRival: contender === peer,
            points: percentiles.map(
              ({ figure }, place) => [place, median(figuresOf(rounds, contender, figure))] as const,
            ),
          })),
        },
      ],
    }
  },
}
