// `random-write`: threads that read and change random words of a file that is larger than memory,
// until everything is durable. Rival: mmap with random advice, msync and fdatasync.
import { runRounds } from '../rounds.ts'
import { compare, type Scenario } from '../scenario.ts'
import { randomSwitches } from './random-cold.ts'

/** Read-modify-write of random pages. */
export const randomWrite: Scenario = {
  name: 'random-write',
  work:
    'Read, change and write back words of random 4 KiB pages, 4 GiB through 512 MiB, 2 threads. ' +
    'The flush at the end counts.',
  async run(bench) {
    const sizes = { ...randomSwitches(bench, 2), writable: true }
    using file = await bench.makeFile({ byteLength: bench.sizes.fileBytes, writer: 'write-data' })
    const ours = bench.native({
      name: 'ours',
      program: 'random',
      switches: { ...sizes, memory: 'engine', direct: true },
      cache: 'cold',
      file,
    })
    const peer = bench.native({
      name: 'mmap MADV_RANDOM',
      program: 'random',
      switches: { ...sizes, memory: 'mmap-random' },
      cache: 'cold',
      limitBytes: bench.sizes.bufferBytes,
      file,
    })
    const rounds = await runRounds(bench.runs, [ours, peer])
    return {
      comparisons: [
        compare(rounds, 'random-write', {
          case: '2 threads',
          figure: 'touchesPerSecond',
          unit: 'touches/s',
          ours,
          peer,
          reach: { ratioMin: 0.9 },
        }),
      ],
    }
  },
}
