// `random`: touches of random 4 KiB pages of a file eight times larger than the memory. Rivals: mmap
// with random advice; from JavaScript, fs.readSync with the pages in an lru-cache.
import type { Bench, CacheState } from './bench.ts'
import { type Contender, figuresOf, runRounds } from './rounds.ts'
import type { Comparison } from './row.ts'

const threadCounts = [1, 2, 8] as const

/** Runs the scenario: all cold cases first, so that the file is warmed once. */
export async function runRandom(bench: Bench): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const cache of ['cold', 'warm'] as const) {
    for (const threads of threadCounts) comparisons.push(await runNative(bench, cache, threads))
    comparisons.push(await runNode(bench, cache))
  }
  return comparisons
}

async function runNative(bench: Bench, cache: CacheState, threads: number): Promise<Comparison> {
  const args = [...argsOf(bench), '--threads', String(threads), '--page-bytes', '4096']
  const direct = cache === 'cold' ? ['--direct'] : []
  const contenders = [
    bench.native({
      name: 'ours',
      program: 'random',
      args: [...args, '--memory', 'engine', ...direct],
      cache,
      isLimited: false,
    }),
    bench.native({
      name: 'mmap MADV_RANDOM',
      program: 'random',
      args: [...args, '--memory', 'mmap-random'],
      cache,
      isLimited: true,
    }),
  ] as const
  const name = `${cache}, ${threads} thread${threads === 1 ? '' : 's'}`
  return compare(bench, name, contenders)
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
  return compare(bench, `node, ${cache}`, contenders)
}

function argsOf(bench: Bench): string[] {
  const { fileBytes, bufferBytes, randomMs } = bench.sizes
  return [
    ...['--file-bytes', String(fileBytes), '--buffer-bytes', String(bufferBytes)],
    ...['--milliseconds', String(randomMs)],
  ]
}

async function compare(
  bench: Bench,
  name: string,
  contenders: readonly [Contender, Contender],
): Promise<Comparison> {
  const [ours, peer] = contenders
  const rounds = await runRounds(bench.runs, contenders)
  return {
    scenario: 'random',
    case: `${name}${bench.limitMark}`,
    unit: 'touches/s',
    moreIsBetter: true,
    peerName: peer.name,
    ours: figuresOf(rounds, ours.name, 'touchesPerSecond'),
    peer: figuresOf(rounds, peer.name, 'touchesPerSecond'),
  }
}
