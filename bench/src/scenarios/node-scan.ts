// `node-scan`: a sequential sum over float64 values from JavaScript. Rivals as in `node-random`.
import type { Bench, CacheState } from '../bench.ts'
import { runRounds } from '../rounds.ts'
import type { Comparison } from '../row.ts'
import { compare, type Scenario } from '../scenario.ts'

// The default of umap().
const pageBytes = 64 * 2 ** 10

/** Sequential reads from JavaScript. */
export const nodeScan: Scenario = {
  name: 'node-scan',
  work:
    'From JavaScript: a sequential sum over float64 values, 64 KiB pages, 2 GiB through 512 MiB ' +
    '(O_DIRECT where cold).',
  async run(bench) {
    return {
      comparisons: [...(await runCase(bench, 'cold')), ...(await runCase(bench, 'warm'))],
    }
  },
}

async function runCase(bench: Bench, cache: CacheState): Promise<Comparison[]> {
  const { nodeScanBytes, bufferBytes } = bench.sizes
  const { sum } = await (await bench.dataFile()).sumsOf(nodeScanBytes)
  const common = { program: 'scan', cache } as const
  const sizes = {
    'file-bytes': nodeScanBytes,
    'buffer-bytes': bufferBytes,
    'page-bytes': pageBytes,
    sum,
  }
  const ours = bench.node({
    ...common,
    name: 'ours',
    switches: { ...sizes, memory: 'region', direct: cache === 'cold' },
  })
  const readSync = bench.node({
    ...common,
    name: 'fs.readSync + lru-cache',
    switches: { ...sizes, memory: 'read-sync' },
    limitBytes: bufferBytes,
  })
  const mmap = bench.node({
    ...common,
    name: cache === 'cold' ? 'mmap addon' : 'mmap addon, all in memory',
    switches: { ...sizes, memory: 'mmap' },
    limitBytes: cache === 'cold' ? bufferBytes : undefined,
  })
  const rounds = await runRounds(bench.runs, [ours, readSync, mmap])
  return [
    { peer: readSync, ratioMin: 1.5 },
    // In the page cache it copies nothing and has more memory than we.
    { peer: mmap, ratioMin: cache === 'cold' ? 1 : undefined },
  ].map(({ peer, ratioMin }) =>
    compare(rounds, 'node-scan', {
      case: cache === 'cold' ? 'cold' : 'file in the page cache',
      figure: 'megabytesPerSecond',
      unit: 'MB/s',
      ours,
      peer,
      reach: ratioMin === undefined ? undefined : { ratioMin },
    }),
  )
}
