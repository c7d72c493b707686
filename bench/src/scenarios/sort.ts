// `sort`: a file of random words sorted in place by libstdc++'s parallel quicksort, two threads,
// from a cold file to a durable one. Rivals: the same code over mmap, and over ordinary memory that
// holds all of it.
import { runRounds } from '../rounds.ts'
import { compare, type Scenario } from '../scenario.ts'

const pageBytes = 2 ** 20

/** An external sort that does not know that it is one. */
export const sort: Scenario = {
  name: 'sort',
  work:
    "A 1 GiB file of random uint64 sorted through 256 MiB by two threads of libstdc++'s parallel " +
    'quicksort, cold to durable. In memory it is read, sorted and written back; the sort alone is ' +
    'the part between.',
  async run(bench) {
    const { sortBytes, sortBufferBytes } = bench.sizes
    using file = await bench.makeFile({ byteLength: sortBytes })
    file.clear(sortBytes)
    const sizes = {
      'file-bytes': sortBytes,
      'buffer-bytes': sortBufferBytes,
      threads: 2,
      writable: true,
    }
    const common = {
      program: 'sort',
      cache: 'cold',
      file,
      prepare: () => file.write('write-random-words', { 'file-bytes': sortBytes }),
    } as const
    const ours = bench.native({
      ...common,
      name: 'ours',
      switches: { ...sizes, memory: 'engine', 'page-bytes': pageBytes, direct: true },
    })
    const mmap = bench.native({
      ...common,
      name: 'mmap',
      switches: { ...sizes, memory: 'mmap' },
      limitBytes: sortBufferBytes,
    })
    const anonymous = bench.native({
      ...common,
      name: 'all in memory',
      switches: { ...sizes, memory: 'anonymous' },
    })
    const rounds = await runRounds(bench.runs, [ours, mmap, anonymous])
    // The same runs, another figure of them.
    const sortAlone = { ...anonymous, name: 'all in memory, sort alone' }
    const named = new Map([...rounds, [sortAlone, rounds.get(anonymous) ?? []]])
    const peers = [
      { peer: mmap, peerFigure: 'seconds', ratioMin: 1.5 },
      { peer: anonymous, peerFigure: 'seconds', ratioMin: 1 / 1.4 },
      { peer: sortAlone, peerFigure: 'sortSeconds', ratioMin: undefined },
    ]
    return {
      comparisons: peers.map(({ peer, peerFigure, ratioMin }) =>
        compare(named, 'sort', {
          case: '1 MiB pages',
          figure: 'seconds',
          peerFigure,
          unit: 's',
          ours,
          peer,
          reach: ratioMin === undefined ? undefined : { ratioMin },
        }),
      ),
    }
  },
}
