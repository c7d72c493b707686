// `scan-write`: a new file written in order and made durable, through a buffer that is far smaller.
// Rivals: write() and fdatasync(), and mmap with msync.
import { runRounds } from '../rounds.ts'
import { bestOf, compare, type Scenario } from '../scenario.ts'

const pageSizes = [
  { name: '64 KiB pages', bytes: 64 * 2 ** 10 },
  { name: '2 MiB pages', bytes: 2 * 2 ** 20 },
] as const

const figure = 'megabytesPerSecond'

/** Sequential writing. */
export const scanWrite: Scenario = {
  name: 'scan-write',
  work: 'A sequential write of a new file of 4 GiB through 512 MiB, until it is durable.',
  async run(bench) {
    const { fileBytes, bufferBytes } = bench.sizes
    using file = await bench.makeFile({ byteLength: fileBytes })
    const common = {
      program: 'scan-write',
      cache: 'cold',
      file,
      // A file system frees the blocks of what was there before the clock starts.
      prepare: async () => file.clear(fileBytes),
    } as const
    const sizes = { 'file-bytes': fileBytes, 'buffer-bytes': bufferBytes, writable: true }
    const ours = pageSizes.map(({ name, bytes }) =>
      bench.native({
        ...common,
        name,
        switches: { ...sizes, memory: 'engine', 'page-bytes': bytes, direct: true },
      }),
    )
    const limitBytes = bufferBytes
    const peers = [
      bench.native({
        ...common,
        name: 'write() + fdatasync()',
        switches: { ...sizes, memory: 'write' },
        limitBytes,
      }),
      bench.native({
        ...common,
        name: 'mmap + msync()',
        switches: { ...sizes, memory: 'mmap' },
        limitBytes,
      }),
    ]
    const rounds = await runRounds(bench.runs, [...ours, ...peers])
    const best = bestOf(rounds, ours, figure, true)
    return {
      comparisons: ours.flatMap((contender) =>
        peers.map((peer) =>
          compare(rounds, 'scan-write', {
            case: contender.name,
            figure,
            unit: 'MB/s',
            ours: contender,
            peer,
            reach: contender === best && peer === peers[0] ? { ratioMin: 0.8 } : undefined,
          }),
        ),
      ),
    }
  },
}
