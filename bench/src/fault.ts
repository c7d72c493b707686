// `fault`: what a 4 KiB read fault on a warm file costs one thread. Rivals: the least code that
// could answer the same fault, and the kernel's mmap.
import type { Bench } from './bench.ts'
import { figuresOf, runRounds } from './rounds.ts'
import type { Comparison } from './row.ts'

const ours = [
  { name: 'read-only region', args: ['--memory', 'engine'] },
  { name: 'read-write region', args: ['--memory', 'engine', '--writable'] },
] as const

const peers = [
  { name: 'one blocking handler, no bookkeeping', args: ['--memory', 'floor-block'] },
  { name: 'one spinning handler, no bookkeeping', args: ['--memory', 'floor-spin'] },
  { name: 'mmap MADV_RANDOM', args: ['--memory', 'mmap-random'] },
] as const

const figures = [
  { name: 'p50', figure: 'p50Us' },
  { name: 'mean', figure: 'meanUs' },
] as const

/** Runs the scenario. */
export async function runFault(bench: Bench): Promise<Comparison[]> {
  const { fileBytes, bufferBytes, faultTouches } = bench.sizes
  const sizes = [
    ...['--file-bytes', String(fileBytes), '--buffer-bytes', String(bufferBytes)],
    ...['--touches', String(faultTouches)],
  ]
  const contenders = [...ours, ...peers].map(({ name, args }) =>
    bench.native({
      name,
      program: 'fault',
      args: [...sizes, ...args],
      cache: 'warm',
      // All that is touched fits: nothing is evicted on either side.
      isLimited: false,
    }),
  )
  const rounds = await runRounds(bench.runs, contenders)
  return ours.flatMap((mine) =>
    peers.flatMap((peer) =>
      figures.map(({ name, figure }) => ({
        scenario: 'fault',
        case: `${mine.name}, ${name}`,
        unit: 'µs',
        moreIsBetter: false,
        peerName: peer.name,
        ours: figuresOf(rounds, mine.name, figure),
        peer: figuresOf(rounds, peer.name, figure),
      })),
    ),
  )
}
