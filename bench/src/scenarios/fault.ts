// `fault`: what a 4 KiB read fault on a warm file costs one thread, in each way of taking faults, on
// a machine that is quiet but for the benchmark, and on one whose processors all have other work.
// Rivals: the least code that could answer the same fault in that way, and the kernel's mmap.
import type { Bench } from '../bench.ts'
import { withBusyProcessors } from '../busy-processors.ts'
import { type Contender, figuresOf, type Rounds, runRounds } from '../rounds.ts'
import { type Comparison, median, type Reach } from '../row.ts'
import { bestOf, compare, type Plot, type Scenario } from '../scenario.ts'
import { type Way, waySwitches } from '../ways.ts'

const messageFloors = [
  { name: 'one blocking handler, no bookkeeping', memory: 'floor-block' },
  { name: 'one spinning handler, no bookkeeping', memory: 'floor-spin' },
] as const
const inThreadFloors = [
  { name: 'in-thread COPY, no bookkeeping', memory: 'floor-in-thread' },
  { name: 'in-thread MOVE, no bookkeeping', memory: 'floor-in-thread-move' },
] as const
const signalFloors = [{ name: 'mprotect, no bookkeeping', memory: 'floor-signal' }] as const
const floors = [...messageFloors, ...inThreadFloors, ...signalFloors]

interface Ours {
  readonly name: string
  readonly way: Way
  readonly writable: boolean
  readonly floors: readonly { readonly name: string }[]
  /** How many times the time of the best floor is allowed. */
  readonly timesFloor: number | undefined
}

const ours: readonly Ours[] = [
  {
    name: 'userfaultfd',
    way: 'userfaultfd',
    writable: false,
    floors: messageFloors,
    timesFloor: 1.15,
  },
  {
    name: 'userfaultfd, writable',
    way: 'userfaultfd',
    writable: true,
    floors: messageFloors,
    timesFloor: undefined,
  },
  {
    name: 'user mode',
    way: 'userfaultfd-user-mode',
    writable: false,
    floors: messageFloors,
    timesFloor: undefined,
  },
  { name: 'signal', way: 'signal', writable: false, floors: signalFloors, timesFloor: undefined },
  {
    name: 'in-thread',
    way: 'in-thread',
    writable: false,
    floors: inThreadFloors,
    timesFloor: 1.25,
  },
]

const percentiles = [
  { name: 'p10', figure: 'p10Us' },
  { name: 'p25', figure: 'p25Us' },
  { name: 'p50', figure: 'p50Us' },
  { name: 'p75', figure: 'p75Us' },
  { name: 'p90', figure: 'p90Us' },
  { name: 'p95', figure: 'p95Us' },
  { name: 'p99', figure: 'p99Us' },
] as const
// As many as can be told apart.
const plotted = [
  { name: 'userfaultfd', isRival: false },
  { name: 'in-thread', isRival: false },
  { name: 'signal', isRival: false },
  { name: messageFloors[0].name, isRival: true },
  { name: inThreadFloors[0].name, isRival: true },
  { name: signalFloors[0].name, isRival: true },
  { name: 'mmap MADV_RANDOM', isRival: true },
] as const

// Against each rival; of the others the best one is enough.
const tabled = [
  { name: 'p50', figure: 'p50Us', isMain: true },
  { name: 'mean', figure: 'meanUs', isMain: false },
  { name: 'p99', figure: 'p99Us', isMain: false },
] as const

/** What a 4 KiB read fault costs. */
export const fault: Scenario = {
  name: 'fault',
  work:
    '4 KiB read faults of one thread on a warm file, one page in each 64 KiB, in random order. ' +
    'A floor answers faults in the same way, with the least code that could, and forgets them.',
  async run(bench) {
    const quiet = await runContenders(bench, ours)
    // A handler that spins is no rival where others want the processors.
    const chosen = ours.filter(({ timesFloor }) => timesFloor !== undefined)
    const busy = await withBusyProcessors(() => runContenders(bench, chosen))
    const plots = [plotOf('Latency of a fault, quiet machine', quiet)]
    return { comparisons: [...rowsOf('quiet', quiet), ...rowsOf('busy', busy)], plots }
  },
}

interface Run {
  readonly rounds: Rounds
  readonly contenders: ReadonlyMap<string, Contender>
  readonly ours: readonly Ours[]
}

const mmapName = 'mmap MADV_RANDOM'

async function runContenders(bench: Bench, chosen: readonly Ours[]): Promise<Run> {
  const { fileBytes, bufferBytes, faultTouches } = bench.sizes
  const sizes = {
    'file-bytes': fileBytes,
    'buffer-bytes': bufferBytes,
    touches: faultTouches,
  }
  const named = new Set(chosen.flatMap((one) => one.floors.map(({ name }) => name)))
  const contenders = [
    ...chosen.map(({ name, way, writable }) => ({
      name,
      switches: { ...waySwitches(way), writable },
    })),
    ...floors
      .filter(({ name }) => named.has(name))
      .map(({ name, memory }) => ({ name, switches: { memory } })),
    { name: mmapName, switches: { memory: 'mmap-random' } },
  ].map(({ name, switches }) =>
    // All that is touched fits: nothing is evicted on either side, and nobody is limited.
    bench.native({ name, program: 'fault', switches: { ...sizes, ...switches }, cache: 'warm' }),
  )
  const rounds = await runRounds(bench.runs, contenders)
  return {
    rounds,
    contenders: new Map(contenders.map((contender) => [contender.name, contender])),
    ours: chosen,
  }
}

function contenderOf({ contenders }: Run, name: string): Contender {
  const contender = contenders.get(name)
  if (contender === undefined) throw new Error(`${name} did not run`)
  return contender
}

function rowsOf(machine: string, run: Run): Comparison[] {
  return run.ours.flatMap((one) => {
    const rivals = one.floors.map(({ name }) => contenderOf(run, name))
    return tabled.flatMap(({ name, figure, isMain }) => {
      const best = bestOf(run.rounds, rivals, figure, false)
      const peers = isMain ? [...rivals, contenderOf(run, mmapName)] : [best]
      return peers.map((peer) =>
        compare(run.rounds, 'fault', {
          case: `${machine}, ${one.name}, ${name}`,
          figure,
          unit: 'µs',
          ours: contenderOf(run, one.name),
          peer,
          reach: peer === best ? reachOf(one, name) : undefined,
        }),
      )
    })
  })
}

function reachOf({ timesFloor }: Ours, figure: string): Reach | undefined {
  const isSet = timesFloor !== undefined && figure === 'p50'
  return isSet ? { ratioMin: 1 / timesFloor } : undefined
}

function plotOf(title: string, { rounds, contenders }: Run): Plot {
  return {
    title,
    xLabel: 'percentile of the faults',
    yLabel: 'µs',
    yLog: 10,
    xNames: percentiles.map(({ name }) => name),
    curves: plotted.flatMap(({ name, isRival }) => {
      const contender = contenders.get(name)
      if (contender === undefined) return []
      return {
        name,
        isRival,
        points: percentiles.map(
          ({ figure }, place) => [place, median(figuresOf(rounds, contender, figure))] as const,
        ),
      }
    }),
  }
}
