// `random`: touches of random 4 KiB pages of a file eight times larger than the memory, in each way
// of taking faults. Rivals: mmap with random advice; from JavaScript, fs.readSync with the pages in
// an lru-cache.
import type { Bench, CacheState } from './bench.ts'
import { type Contender, figuresOf, type Rounds, runRounds } from './rounds.ts'
import type { Comparison } from './row.ts'
import { type Way, waySwitches, ways } from './ways.ts'

const threadCounts = [1, 2, 8] as const
const mmap = 'mmap MADV_RANDOM'

/** Runs the scenario: all cold cases first, so that the file is warmed once. */
export async function runRandom(bench: Bench): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const cache of ['cold', 'warm'] as const) {
    for (const threads of threadCounts)
      comparisons.push(...(await runNative(bench, cache, threads)))
    comparisons.push(await runNode(bench, cache))
  }
  return comparisons
}

async function runNative(bench: Bench, cache: CacheState, threads: number): Promise<Comparison[]> {
  const args = [...argsOf(bench), '--threads', String(threads), '--page-bytes', '4096']
  const direct = cache === 'cold' ? ['--direct'] : []
  const contenders: Contender<Way | typeof mmap>[] = ways.map((way) =>
    bench.native({
      name: way,
      program: 'random',
      args: [...args, ...waySwitches(way), ...direct],
      cache,
      isLimited: false,
    }),
  )
  contenders.push(
    bench.native({
      name: mmap,
      program: 'random',
      args: [...args, '--memory', 'mmap-random'],
      cache,
      isLimited: true,
    }),
  )
  const name = `${cache}, ${threads} thread${threads === 1 ? '' : 's'}`
  const rounds = await runRounds(bench.runs, contenders)
  return ways.map((way) => compare(bench, `${way}, ${name}`, rounds, way, mmap))
}

async function runNode(bench: Bench, cache: CacheState): Promise<Comparison> {
  const args = [...argsOf(bench), '--page-bytes', '4096']
  const direct = cache === 'cold' ? ['--direct'] : []
  const contenders = [
    bench.node({
      name: 'ours',
      program: 'random',
      args: [...args, '--memory', 'region', ...direct],
      cache,
      isLimited: false,
    }),
    bench.node({
      name: 'fs.readSync + lru-cache',
      program: 'random',
      args: [...args, '--memory', 'read-sync'],
      cache,
      isLimited: true,
    }),
  ] as const
  const rounds = await runRounds(bench.runs, contenders)
  const [ours, peer] = contenders
  return compare(bench, `node, ${cache}`, rounds, ours.name, peer.name)
}

function argsOf(bench: Bench): string[] {
  const { fileBytes, bufferBytes, randomMs } = bench.sizes
  return [
    ...['--file-bytes', String(fileBytes), '--buffer-bytes', String(bufferBytes)],
    ...['--milliseconds', String(randomMs)],
  ]
}

function compare<Name extends string>(
  bench: Bench,
  name: string,
  rounds: Rounds<Name>,
  ours: Name,
  peer: Name,
): Comparison {
  return {
    scenario: 'random',
    case: `${name}${bench.limitMark}`,
    unit: 'touches/s',
    moreIsBetter: true,
    peerName: peer,
    ours: figuresOf(rounds, ours, 'touchesPerSecond'),
    peer: figuresOf(rounds, peer, 'touchesPerSecond'),
  }
}
