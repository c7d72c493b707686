// `bfs`: breadth-first search of an R-MAT graph whose rows and neighbours lie in a mapped file.
// Rival: mmap, whose read-around suits it.
import { runRounds } from '../rounds.ts'
import { bestOf, compare, type Scenario } from '../scenario.ts'

const pageSizes = [
  { name: '4 KiB pages', bytes: 4096 },
  { name: '16 KiB pages', bytes: 16_384 },
  { name: '64 KiB pages', bytes: 65_536 },
] as const

/** What the search keeps in ordinary memory: the level of each vertex. */
const bytesPerVertex = 4

/** A graph search. */
export const bfs: Scenario = {
  name: 'bfs',
  work:
    'Breadth-first search, level by level, of an R-MAT graph of scale 21 with 2 × 16 edges a ' +
    'vertex, 550 MB in a cold file, through 128 MiB, one thread.',
  async run(bench) {
    const { graphScale, graphBufferBytes } = bench.sizes
    using file = await bench.makeFile({ byteLength: 2 ** graphScale * 320 })
    await file.write('write-graph', { scale: graphScale })
    const sizes = { 'file-bytes': file.byteLength, 'buffer-bytes': graphBufferBytes }
    const common = { program: 'bfs', cache: 'cold', file } as const
    const ours = pageSizes.map(({ name, bytes }) =>
      bench.native({
        ...common,
        name,
        switches: { ...sizes, memory: 'engine', 'page-bytes': bytes, direct: true },
      }),
    )
    const peer = bench.native({
      ...common,
      name: 'mmap',
      switches: { ...sizes, memory: 'mmap' },
      limitBytes: graphBufferBytes + 2 ** graphScale * bytesPerVertex,
    })
    const rounds = await runRounds(bench.runs, [...ours, peer])
    const best = bestOf(rounds, ours, 'seconds', false)
    return {
      comparisons: ours.map((contender) =>
        compare(rounds, 'bfs', {
          case: contender.name,
          figure: 'seconds',
          unit: 's',
          ours: contender,
          peer,
          reach: contender === best ? { ratioMin: 1.1 } : undefined,
        }),
      ),
    }
  },
}
