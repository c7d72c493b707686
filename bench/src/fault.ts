// `fault`: what a 4 KiB read fault on a warm file costs one thread, in each way of taking faults.
// Rivals: the least code that could answer the same fault in that way, and the kernel's mmap.
import type { Bench } from './bench.ts'
import { figuresOf, runRounds } from './rounds.ts'
import type { Comparison } from './row.ts'
import { waySwitches } from './ways.ts'

const peers = [
  { name: 'one blocking handler, no bookkeeping', args: ['--memory', 'floor-block'] },
  { name: 'one spinning handler, no bookkeeping', args: ['--memory', 'floor-spin'] },
  { name: 'in-thread COPY, no bookkeeping', args: ['--memory', 'floor-in-thread'] },
  { name: 'in-thread MOVE, no bookkeeping', args: ['--memory', 'floor-in-thread-move'] },
  { name: 'in-thread COPY, nothing read', args: ['--memory', 'floor-in-thread-bare'] },
  { name: 'mprotect, no bookkeeping', args: ['--memory', 'floor-signal'] },
  { name: 'mprotect, nothing read', args: ['--memory', 'floor-signal-bare'] },
  { name: 'mmap MADV_RANDOM', args: ['--memory', 'mmap-random'] },
] as const

type PeerName = (typeof peers)[number]['name']

const messageFloors: readonly PeerName[] = [
  'one blocking handler, no bookkeeping',
  'one spinning handler, no bookkeeping',
]
const inThreadFloors: readonly PeerName[] = [
  'in-thread COPY, no bookkeeping',
  'in-thread MOVE, no bookkeeping',
  'in-thread COPY, nothing read',
]
const signalFloors: readonly PeerName[] = ['mprotect, no bookkeeping', 'mprotect, nothing read']

const ours = [
  { name: 'userfaultfd', way: 'userfaultfd', more: [], floors: messageFloors },
  {
    name: 'userfaultfd, writable',
    way: 'userfaultfd',
    more: ['--writable'],
    floors: messageFloors,
  },
  { name: 'user mode', way: 'userfaultfd-user-mode', more: [], floors: messageFloors },
  { name: 'signal', way: 'signal', more: [], floors: signalFloors },
  { name: 'in-thread', way: 'in-thread', more: [], floors: inThreadFloors },
] as const

const figures = [
  { name: 'p50', figure: 'p50Us' },
  { name: 'mean', figure: 'meanUs' },
  { name: 'p99', figure: 'p99Us' },
] as const

/** Runs the scenario. */
export async function runFault(bench: Bench): Promise<Comparison[]> {
  const { fileBytes, bufferBytes, faultTouches } = bench.sizes
  const sizes = [
    ...['--file-bytes', String(fileBytes), '--buffer-bytes', String(bufferBytes)],
    ...['--touches', String(faultTouches)],
  ]
  const mine = ours.map(({ name, way, more }) => ({ name, args: [...waySwitches(way), ...more] }))
  const contenders = [...mine, ...peers].map(({ name, args }) =>
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
  const mmap: PeerName = 'mmap MADV_RANDOM'
  return ours.flatMap((one) =>
    [...one.floors, mmap].flatMap((peerName) =>
      figures.map(({ name, figure }) => ({
        scenario: 'fault',
        case: `${one.name}, ${name}`,
        unit: 'µs',
        moreIsBetter: false,
        peerName,
        ours: figuresOf(rounds, one.name, figure),
        peer: figuresOf(rounds, peerName, figure),
      })),
    ),
  )
}
