// `mixed`: readers with hot pages, while one thread scans all of the data again and again, which
// would drive the hot pages out. Rival: mmap.
import { runRounds } from '../rounds.ts'
import { compare, type Scenario } from '../scenario.ts'
import { tenthOf } from './zipf.ts'

const figures = [
  { name: 'two zipf readers', figure: 'touchesPerSecond', unit: 'touches/s', ratioMin: 1.5 },
  {
    name: 'the scan beside them',
    figure: 'scannedMegabytesPerSecond',
    unit: 'MB/s',
    ratioMin: undefined,
  },
] as const

/** Hot pages beside a scan. */
export const mixed: Scenario = {
  name: 'mixed',
  work:
    'Two threads read 4 KiB pages, Zipf 0.99, of 1 GiB through a tenth of it, O_DIRECT, while a ' +
    'third scans it. What the scan gets is shown, so that nobody wins by starving it: with ' +
    'MADV_RANDOM nothing is read ahead for it.',
  async run(bench) {
    const { zipfBytes, mixedMs } = bench.sizes
    const bufferBytes = tenthOf(zipfBytes)
    const sizes = {
      'file-bytes': zipfBytes,
      'buffer-bytes': bufferBytes,
      'page-bytes': 4096,
      milliseconds: mixedMs,
      threads: 2,
    }
    const common = { program: 'mixed', cache: 'cold' } as const
    const ours = bench.native({
      ...common,
      name: 'ours',
      switches: { ...sizes, memory: 'engine', direct: true },
    })
    const peers = [
      { name: 'mmap', memory: 'mmap' },
      { name: 'mmap MADV_RANDOM', memory: 'mmap-random' },
    ].map(({ name, memory }) =>
      bench.native({ ...common, name, switches: { ...sizes, memory }, limitBytes: bufferBytes }),
    )
    const rounds = await runRounds(bench.runs, [ours, ...peers])
    return {
      comparisons: peers.flatMap((peer, index) =>
        figures.map(({ name, figure, unit, ratioMin }) =>
          compare(rounds, 'mixed', {
            case: name,
            figure,
            unit,
            ours,
            peer,
            reach: index === 0 && ratioMin !== undefined ? { ratioMin } : undefined,
          }),
        ),
      ),
    }
  },
}
