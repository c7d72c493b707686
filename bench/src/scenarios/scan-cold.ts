// `scan-cold`: a sequential sum over a file eight times larger than the memory, from the disk.
// Rival: the better of mmap without advice and with sequential advice.
import type { Bench, CacheState } from '../bench.ts'
import { type Contender, runRounds } from '../rounds.ts'
import { bestOf, compare, type Scenario } from '../scenario.ts'

const pageSizes = [
  { name: '64 KiB pages', bytes: 64 * 2 ** 10 },
  { name: '2 MiB pages', bytes: 2 * 2 ** 20 },
] as const

const kernelPeers = [
  { name: 'mmap', memory: 'mmap' },
  { name: 'mmap MADV_SEQUENTIAL', memory: 'mmap-sequential' },
] as const

const figure = 'megabytesPerSecond'

/** Sequential reading from the disk. */
export const scanCold: Scenario = {
  name: 'scan-cold',
  work:
    'A sequential sum over 4 GiB through 512 MiB, O_DIRECT. The figure is to be reached with the ' +
    'better page size, against the better advice.',
  async run(bench) {
    const ours = await scanContenders(bench, 'cold')
    const peers = await mmapScanContenders(bench)
    const rounds = await runRounds(bench.runs, [...ours, ...peers])
    const best = bestOf(rounds, ours, figure, true)
    const bestPeer = bestOf(rounds, peers, figure, true)
    return {
      comparisons: ours.flatMap((contender) =>
        peers.map((peer) =>
          compare(rounds, 'scan-cold', {
            case: contender.name,
            figure,
            unit: 'MB/s',
            ours: contender,
            peer,
            reach: contender === best && peer === bestPeer ? { ratioMin: 1 } : undefined,
          }),
        ),
      ),
    }
  },
}

/** Our scans, one for each page size. */
export async function scanContenders(bench: Bench, cache: CacheState): Promise<Contender[]> {
  const switches = await scanSwitches(bench)
  return pageSizes.map(({ name, bytes }) =>
    bench.native({
      name,
      program: 'scan',
      switches: { ...switches, 'page-bytes': bytes, direct: cache === 'cold' },
      cache,
    }),
  )
}

async function mmapScanContenders(bench: Bench): Promise<Contender[]> {
  const switches = await scanSwitches(bench)
  return kernelPeers.map(({ name, memory }) =>
    bench.native({
      name,
      program: 'scan',
      switches: { ...switches, memory },
      cache: 'cold',
      limitBytes: bench.sizes.bufferBytes,
    }),
  )
}

async function scanSwitches(bench: Bench) {
  const { fileBytes, bufferBytes } = bench.sizes
  const { checksum } = await (await bench.dataFile()).sumsOf(fileBytes)
  return { 'file-bytes': fileBytes, 'buffer-bytes': bufferBytes, checksum }
}
