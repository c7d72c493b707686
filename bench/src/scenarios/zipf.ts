// `zipf`: reads of which few pages get most, through a buffer of a tenth of the data. Rivals: mmap;
// and for the part of the touches that hit, Belady's optimum on the same touches.
import { readFileSync } from 'node:fs'
import type { Bench } from '../bench.ts'
import { simulateBelady } from '../policy/belady.ts'
import { hitShare } from '../policy/simulate.ts'
import type { Trace } from '../policy/trace.ts'
import { type Contender, type Rounds, runRounds } from '../rounds.ts'
import { compare, type Scenario } from '../scenario.ts'

const pageBytes = 4096

/** Reads of hot and cold pages. */
export const zipf: Scenario = {
  name: 'zipf',
  work:
    'Reads of 4 KiB pages, Zipf 0.99, of 1 GiB through a tenth of it, O_DIRECT, one thread. The ' +
    'hit share is the part of the touches for which nothing had to be read, standby included.',
  async run(bench) {
    const { zipfBytes, zipfTouches } = bench.sizes
    const bufferBytes = tenthOf(zipfBytes)
    const sizes = {
      'file-bytes': zipfBytes,
      'buffer-bytes': bufferBytes,
      'page-bytes': pageBytes,
      touches: zipfTouches,
      'warm-up-touches': Math.floor(zipfTouches / 4),
    }
    const common = { program: 'zipf', cache: 'cold' } as const
    const ours = bench.native({
      ...common,
      name: 'ours',
      switches: { ...sizes, memory: 'engine', direct: true },
    })
    // Without advice the kernel reads around each miss, and is hundreds of times slower.
    const peer = bench.native({
      ...common,
      name: 'mmap MADV_RANDOM',
      switches: { ...sizes, memory: 'mmap-random' },
      limitBytes: bufferBytes,
    })
    const rounds = await runRounds(bench.runs, [ours, peer])
    const optimum = await findOptimum(bench, bufferBytes, rounds.get(ours)?.length ?? 0)
    return {
      comparisons: [
        compare(rounds, 'zipf', {
          case: '1 thread',
          figure: 'touchesPerSecond',
          unit: 'touches/s',
          ours,
          peer,
          reach: { ratioMin: 1.2 },
        }),
        compare(new Map([...rounds, ...optimum]), 'zipf', {
          case: 'hit share',
          figure: 'hitPercent',
          unit: '%',
          ours,
          peer: [...optimum.keys()][0]!,
          reach: { ratioMin: 0.85 },
        }),
      ],
    }
  },
}

/** A tenth of the data in whole pages. */
export function tenthOf(byteLength: number): number {
  return Math.floor(byteLength / 10 / pageBytes) * pageBytes
}

/** What Belady's policy hits of the same touches, as a contender that always prints the same. */
async function findOptimum(bench: Bench, bufferBytes: number, runs: number): Promise<Rounds> {
  const { zipfBytes, zipfTouches } = bench.sizes
  using file = await bench.makeFile({ byteLength: 4 * zipfTouches })
  await file.write('write-zipf-trace', { 'file-bytes': zipfBytes, touches: zipfTouches })
  const bytes = readFileSync(file.path)
  const trace: Trace = {
    name: 'zipf',
    pageCount: zipfBytes / pageBytes,
    pages: new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4),
    kinds: new Uint8Array(bytes.byteLength / 4),
    warmUpCount: Math.floor(zipfTouches / 4),
  }
  const figures = { hitPercent: 100 * hitShare(simulateBelady(trace, bufferBytes / pageBytes)) }
  const optimum: Contender = { name: "Belady's optimum", run: async () => figures }
  return new Map([[optimum, Array(runs).fill(figures)]])
}
