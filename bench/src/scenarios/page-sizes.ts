// `page-sizes`: random touches and scans over the size of a page, for the report's plot. Rival: mmap
// with the advice for each, whose page size is the kernel's.
import type { Bench } from '../bench.ts'
import { type Contender, figuresOf, runRounds } from '../rounds.ts'
import { median } from '../row.ts'
import { compare, type Outcome, type Scenario } from '../scenario.ts'

const pageSizes = [4, 16, 64, 256, 1024, 2048] as const

interface Kind {
  readonly program: 'random' | 'scan'
  readonly title: string
  readonly advice: string
  readonly figure: string
  readonly unit: string
}

const kinds: readonly Kind[] = [
  {
    program: 'scan',
    title: 'Cold scan over the size of a page',
    advice: 'mmap-sequential',
    figure: 'megabytesPerSecond',
    unit: 'MB/s',
  },
  {
    program: 'random',
    title: 'Cold random touches over the size of a page',
    advice: 'mmap-random',
    figure: 'touchesPerSecond',
    unit: 'touches/s',
  },
]

/** Throughput over page size. */
export const pageSizesScenario: Scenario = {
  name: 'page-sizes',
  work: 'Scans of 2 GiB and random touches by two threads, cold, over the size of a page.',
  async run(bench) {
    const outcomes: Outcome[] = []
    for (const kind of kinds) outcomes.push(await runKind(bench, kind))
    return {
      comparisons: outcomes.flatMap(({ comparisons }) => comparisons),
      plots: outcomes.flatMap(({ plots = [] }) => plots),
    }
  },
}

async function runKind(bench: Bench, kind: Kind): Promise<Outcome> {
  const { nodeScanBytes, fileBytes, bufferBytes, randomMs } = bench.sizes
  const byteLength = kind.program === 'scan' ? nodeScanBytes : fileBytes
  const file = await bench.dataFile()
  const sizes = {
    'file-bytes': byteLength,
    'buffer-bytes': bufferBytes,
    milliseconds: randomMs,
    threads: 2,
    checksum: (await file.sumsOf(nodeScanBytes)).checksum,
  }
  const { program, figure, unit } = kind
  const ours = pageSizes.map((kibibytes) =>
    bench.native({
      name: `${kibibytes} KiB pages`,
      program,
      switches: { ...sizes, memory: 'engine', direct: true, 'page-bytes': kibibytes * 1024 },
      cache: 'cold',
    }),
  )
  const peer = bench.native({
    name: kind.advice.replace('mmap-', 'mmap MADV_').toUpperCase().replace('MMAP', 'mmap'),
    program,
    switches: { ...sizes, memory: kind.advice },
    cache: 'cold',
    limitBytes: bufferBytes,
  })
  // Shapes, not differences: two rounds are enough.
  const rounds = await runRounds(Math.min(bench.runs, 2), [...ours, peer])
  const medianOf = (contender: Contender) => median(figuresOf(rounds, contender, figure))
  return {
    comparisons: ours.map((contender) =>
      compare(rounds, 'page-sizes', {
        case: `${program}, ${contender.name}`,
        figure,
        unit,
        ours: contender,
        peer,
      }),
    ),
    plots: [
      {
        title: kind.title,
        xLabel: 'KiB a page',
        yLabel: unit,
        xLog: 2,
        curves: [
          {
            name: 'ours',
            points: ours.map((one, index) => [pageSizes[index] ?? 0, medianOf(one)] as const),
          },
          {
            name: `${peer.name} (4 KiB pages)`,
            isRival: true,
            points: pageSizes.map((kibibytes) => [kibibytes, medianOf(peer)] as const),
          },
        ],
      },
    ],
  }
}
