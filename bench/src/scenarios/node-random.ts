// `node-random`: random float64 reads from JavaScript over a file. Rivals: fs.readSync with the pages
// in an lru-cache of as much memory; the file mapped by the kernel into an ArrayBuffer.
import type { Bench, CacheState } from '../bench.ts'
import { runRounds } from '../rounds.ts'
import type { Comparison } from '../row.ts'
import { compare, type Scenario } from '../scenario.ts'

const noPackage =
  'No mmap package of npm runs on Node 24: @riaskov/mmap-io 1.4.3 and mmap-io 1.1.7, the ones that ' +
  'are used, do not compile there. The rival is an addon of the benchmark that maps the file into ' +
  'an ArrayBuffer, which such a package would do at best.'

interface Case {
  readonly name: string
  readonly cache: CacheState
  readonly dataOf: (bench: Bench) => number
  /** Whether mmap can be limited to the same memory. */
  readonly hasMmap: boolean
}

const cases: readonly Case[] = [
  { name: 'cold', cache: 'cold', dataOf: ({ sizes }) => sizes.fileBytes, hasMmap: true },
  {
    name: 'file in the page cache',
    cache: 'warm',
    dataOf: ({ sizes }) => sizes.fileBytes,
    hasMmap: false,
  },
  {
    name: 'all in the buffer',
    cache: 'warm',
    // Eviction begins before the buffer is full.
    dataOf: ({ sizes }) => (sizes.bufferBytes / 4) * 3,
    hasMmap: true,
  },
]

/** Random reads from JavaScript. */
export const nodeRandom: Scenario = {
  name: 'node-random',
  work:
    'From JavaScript: random float64 reads, 4 KiB pages, 4 GiB through 512 MiB (O_DIRECT where ' +
    'cold), and 384 MiB that are all in the buffer.',
  async run(bench) {
    const comparisons: Comparison[] = []
    for (const one of cases) comparisons.push(...(await runCase(bench, one)))
    return { comparisons, notes: [noPackage] }
  },
}

async function runCase(bench: Bench, one: Case): Promise<Comparison[]> {
  const { bufferBytes, randomMs } = bench.sizes
  const common = {
    program: 'random',
    cache: one.cache,
  } as const
  const sizes = {
    'file-bytes': one.dataOf(bench),
    'buffer-bytes': bufferBytes,
    'page-bytes': 4096,
    milliseconds: randomMs,
  }
  const ours = bench.node({
    ...common,
    name: 'ours',
    switches: { ...sizes, memory: 'region', direct: one.cache === 'cold' },
  })
  const readSync = bench.node({
    ...common,
    name: 'fs.readSync + lru-cache',
    switches: { ...sizes, memory: 'read-sync' },
    limitBytes: bufferBytes,
  })
  const mmap = bench.node({
    ...common,
    name: 'mmap addon, MADV_RANDOM',
    switches: { ...sizes, memory: 'mmap' },
    limitBytes: bufferBytes,
  })
  const rounds = await runRounds(bench.runs, [ours, readSync, ...(one.hasMmap ? [mmap] : [])])
  return [
    { peer: readSync, ratioMin: 5 },
    { peer: mmap, ratioMin: 1 },
  ]
    .filter(({ peer }) => rounds.has(peer))
    .map(({ peer, ratioMin }) =>
      compare(rounds, 'node-random', {
        case: one.name,
        figure: 'touchesPerSecond',
        unit: 'touches/s',
        ours,
        peer,
        reach: { ratioMin },
      }),
    )
}
