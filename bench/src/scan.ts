// `scan`: a sequential sum over a file four times larger than the memory. Rivals: the better of mmap
// without advice and with sequential advice; from JavaScript, fs.readSync page by page.
import type { Bench, CacheState, ContenderOptions } from './bench.ts'
import { type Contender, figuresOf, type Rounds, runRounds } from './rounds.ts'
import { type Comparison, median } from './row.ts'

const pageSizes = [
  { name: '64 KiB pages', bytes: 64 * 2 ** 10 },
  { name: '2 MiB pages', bytes: 2 * 2 ** 20 },
] as const

const kernelPeers = [
  { name: 'mmap', memory: 'mmap' },
  { name: 'mmap MADV_SEQUENTIAL', memory: 'mmap-sequential' },
] as const

// The default of umap().
const nodePageBytes = 64 * 2 ** 10

const figure = 'megabytesPerSecond'

/** Runs the scenario: all cold cases first, so that the file is warmed once. */
export async function runScan(bench: Bench): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const cache of ['cold', 'warm'] as const) {
    comparisons.push(...(await runNative(bench, cache)), await runNode(bench, cache))
  }
  return comparisons
}

async function runNative(bench: Bench, cache: CacheState): Promise<Comparison[]> {
  const { checksum } = await bench.dataFile.sumsOf(bench.sizes.scanBytes)
  const args = [...argsOf(bench), '--checksum', checksum]
  const contender = (name: string, isLimited: boolean, more: string[]): Contender => {
    const options: ContenderOptions<string> = {
      name,
      program: 'scan',
      args: [...args, ...more],
      cache,
      isLimited,
    }
    return bench.native(options)
  }
  const direct = cache === 'cold' ? ['--direct'] : []
  const rounds = await runRounds(bench.runs, [
    ...pageSizes.map(({ name, bytes }) =>
      contender(name, false, ['--memory', 'engine', '--page-bytes', String(bytes), ...direct]),
    ),
    ...kernelPeers.map(({ name, memory }) => contender(name, true, ['--memory', memory])),
  ])
  const best = kernelPeers
    .map(({ name }) => name)
    .reduce((a, b) => (medianOf(rounds, b) > medianOf(rounds, a) ? b : a))
  return pageSizes.map(({ name }) => compare(bench, `${cache}, ${name}`, rounds, [name, best]))
}

async function runNode(bench: Bench, cache: CacheState): Promise<Comparison> {
  const { sum } = await bench.dataFile.sumsOf(bench.sizes.scanBytes)
  const args = [...argsOf(bench), '--sum', String(sum), '--page-bytes', String(nodePageBytes)]
  const direct = cache === 'cold' ? ['--direct'] : []
  const names = ['ours', 'fs.readSync + lru-cache'] as const
  const rounds = await runRounds(bench.runs, [
    bench.node({
      name: names[0],
      program: 'scan',
      args: [...args, '--memory', 'region', ...direct],
      cache,
      isLimited: false,
    }),
    bench.node({
      name: names[1],
      program: 'scan',
      args: [...args, '--memory', 'read-sync'],
      cache,
      isLimited: true,
    }),
  ])
  return compare(bench, `node, ${cache}, 64 KiB pages`, rounds, names)
}

function argsOf(bench: Bench): string[] {
  const { scanBytes, bufferBytes } = bench.sizes
  return ['--file-bytes', String(scanBytes), '--buffer-bytes', String(bufferBytes)]
}

function medianOf(rounds: Rounds<string>, name: string): number {
  return median(figuresOf(rounds, name, figure))
}

function compare(
  bench: Bench,
  name: string,
  rounds: Rounds<string>,
  [ours, peer]: readonly [string, string],
): Comparison {
  return {
    scenario: 'scan',
    case: `${name}${bench.limitMark}`,
    unit: 'MB/s',
    moreIsBetter: true,
    peerName: peer,
    ours: figuresOf(rounds, ours, figure),
    peer: figuresOf(rounds, peer, figure),
  }
}
