// `growth`: what the engine's operations cost as the region grows, as regions become many, and as
// more pages are dirty. The peer is the smallest case of the same run. Files are sparse, in
// memory, made anew for each run.
import type { Bench } from '../bench.ts'
import type { DataFile } from '../data-file.ts'
import { type Contender, runRounds } from '../rounds.ts'
import type { Comparison, Reach } from '../row.ts'
import { compare, type Scenario } from '../scenario.ts'
import type { Switches } from '../switches.ts'

const gibibyte = 2 ** 30
const reach: Reach = { ratioMin: 1 / 1.3 }

interface Series {
  readonly program: string
  readonly figures: readonly {
    readonly name: string
    readonly figure: string
    readonly unit: string
  }[]
  /** The smallest first. */
  readonly cases: readonly { readonly name: string; readonly switches: Switches }[]
  readonly fileBytes: number
  readonly pageBytes: number
}

/** Costs over size. */
export const growth: Scenario = {
  name: 'growth',
  work:
    'Medians of faults on holes, and of open, flush (of 64 dirty pages) and close: one region of ' +
    '64 KiB pages, 1 GiB to 1 TiB, touched within a GiB or all over; 1 to 10,000 regions of 1 MiB; ' +
    '1,000 to 60,000 dirty pages of 4 KiB. Through 512 MiB, files in memory (tmpfs).',
  async run(bench) {
    using file = await bench.makeFile({ byteLength: 0, inMemory: true })
    const comparisons: Comparison[] = []
    for (const series of [regionSeries(bench), regionsSeries(bench), dirtySeries(bench)]) {
      comparisons.push(...(await runSeries(bench, file, series)))
    }
    comparisons.push(await runMemory(bench, file))
    return { comparisons }
  },
}

function regionSeries({ sizes }: Bench): Series {
  const spans = [
    { name: 'touched within a GiB', spanOf: () => gibibyte },
    { name: 'touched all over', spanOf: (byteLength: number) => byteLength },
  ]
  const lengths = [gibibyte, sizes.growthBytes / 32, sizes.growthBytes].filter(
    (byteLength, index) => index === 0 || byteLength > gibibyte,
  )
  return {
    program: 'growth-region',
    figures: [
      { name: 'fault', figure: 'faultUs', unit: 'µs' },
      { name: 'open', figure: 'openUs', unit: 'µs' },
      { name: 'flush', figure: 'flushUs', unit: 'µs' },
      { name: 'close', figure: 'closeUs', unit: 'µs' },
    ],
    cases: lengths.flatMap((byteLength, index) =>
      spans.slice(index === 0 ? 1 : 0).map(({ name, spanOf }) => ({
        name: `region of ${byteLength / gibibyte} GiB${index === 0 ? '' : `, ${name}`}`,
        switches: {
          'file-bytes': byteLength,
          'span-bytes': spanOf(byteLength),
          touches: sizes.growthTouches,
          writable: true,
        },
      })),
    ),
    fileBytes: sizes.growthBytes,
    pageBytes: 65_536,
  }
}

function regionsSeries({ sizes }: Bench): Series {
  const regionBytes = 2 ** 20
  const fileBytes = regionBytes * sizes.growthRegions
  return {
    program: 'growth-regions',
    figures: [
      { name: 'fault', figure: 'faultUs', unit: 'µs' },
      { name: 'open', figure: 'openUs', unit: 'µs' },
      { name: 'close', figure: 'closeUs', unit: 'µs' },
    ],
    // A single one would be the engine's start and stop.
    cases: [10, sizes.growthRegions / 10, sizes.growthRegions]
      .filter((count, index, all) => index === 0 || count > (all[index - 1] ?? 0))
      .map((count) => ({
        name: `${count} regions`,
        switches: {
          'file-bytes': fileBytes,
          'span-bytes': regionBytes,
          regions: count,
          // Fewer than there are pages in the fewest regions, so that most faults are first ones.
          touches: Math.min(sizes.growthTouches, 1000),
        },
      })),
    fileBytes,
    pageBytes: 4096,
  }
}

function dirtySeries({ sizes }: Bench): Series {
  const fileBytes = gibibyte
  return {
    program: 'growth-dirty',
    figures: [
      { name: 'write fault', figure: 'faultUs', unit: 'µs' },
      { name: 'flush', figure: 'flushUsPerPage', unit: 'µs a page' },
      { name: 'close', figure: 'closeUsPerPage', unit: 'µs a page' },
    ],
    cases: [1000, sizes.growthDirtyPages / 6, sizes.growthDirtyPages]
      .filter((count, index) => index === 0 || count > 1000)
      .map((count) => ({
        name: `${count} dirty pages`,
        switches: { 'file-bytes': fileBytes, touches: count, writable: true },
      })),
    fileBytes,
    pageBytes: 4096,
  }
}

async function runSeries(bench: Bench, file: DataFile, series: Series): Promise<Comparison[]> {
  const contenders = series.cases.map(({ name, switches }) =>
    bench.native({
      name,
      program: series.program,
      switches: {
        ...switches,
        'buffer-bytes': bench.sizes.bufferBytes,
        'page-bytes': series.pageBytes,
      },
      cache: 'any',
      file,
      prepare: async () => file.clear(series.fileBytes),
    }),
  )
  const rounds = await runRounds(bench.runs, contenders)
  const smallest = contenders[0]!
  return series.figures.flatMap(({ name, figure, unit }) =>
    contenders.slice(1).map((ours) =>
      compare(rounds, 'growth', {
        case: `${name}, ${ours.name}`,
        figure,
        unit,
        ours,
        peer: smallest,
        reach,
      }),
    ),
  )
}

async function runMemory(bench: Bench, file: DataFile): Promise<Comparison> {
  const { growthMemoryBytes, bufferBytes } = bench.sizes
  const ours = bench.native({
    name: 'ours',
    program: 'growth-memory',
    switches: {
      'file-bytes': growthMemoryBytes,
      'buffer-bytes': Math.min(bufferBytes, growthMemoryBytes) / 8,
      'page-bytes': 4096,
    },
    cache: 'any',
    file,
    prepare: async () => file.clear(growthMemoryBytes),
  })
  const allowed: Contender = {
    name: 'what is allowed',
    run: async () => ({ bytesPerPage: 8 }),
  }
  const rounds = await runRounds(bench.runs, [ours, allowed])
  return compare(rounds, 'growth', {
    case: 'memory of ours for a page that was touched, without page tables of the kernel',
    figure: 'bytesPerPage',
    unit: 'bytes',
    ours,
    peer: allowed,
    reach: { oursMax: 8 },
  })
}
