// `scan-warm`: a sequential sum over a file in the page cache. Rivals: memcpy of as many bytes, which
// is what a fill has to do at least, and mmap, which maps the page cache itself.
import { runRounds } from '../rounds.ts'
import { bestOf, compare, type Scenario } from '../scenario.ts'
import { scanContenders } from './scan-cold.ts'

const figure = 'megabytesPerSecond'

/** Sequential reading from the page cache. */
export const scanWarm: Scenario = {
  name: 'scan-warm',
  work:
    'A sequential sum over 4 GiB in the page cache, through 512 MiB. mmap copies nothing and has ' +
    'all 4 GiB as its memory.',
  async run(bench) {
    const { fileBytes, bufferBytes } = bench.sizes
    const { checksum } = await (await bench.dataFile()).sumsOf(fileBytes)
    const ours = await scanContenders(bench, 'warm')
    const sizes = { 'file-bytes': fileBytes, 'buffer-bytes': bufferBytes }
    const copy = bench.native({ name: 'memcpy', program: 'copy', switches: sizes, cache: 'warm' })
    const mmap = bench.native({
      name: 'mmap, all in memory',
      program: 'scan',
      switches: { ...sizes, checksum, memory: 'mmap' },
      cache: 'warm',
    })
    const rounds = await runRounds(bench.runs, [...ours, copy, mmap])
    const best = bestOf(rounds, ours, figure, true)
    return {
      comparisons: ours.flatMap((contender) =>
        [copy, mmap].map((peer) =>
          compare(rounds, 'scan-warm', {
            case: contender.name,
            figure,
            unit: 'MB/s',
            ours: contender,
            peer,
            reach: contender === best && peer === copy ? { ratioMin: 0.75 } : undefined,
          }),
        ),
      ),
    }
  },
}
