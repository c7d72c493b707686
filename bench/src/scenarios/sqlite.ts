// `sqlite`: pages that are rows of an SQLite database, through umap. Rivals: the same rows read by
// better-sqlite3 alone, and with the checksum of a page verified, as our store does.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import { type Contender, runRounds } from '../rounds.ts'
import { compare, type Scenario } from '../scenario.ts'

const pageBytes = 65_536

const figures = [
  { name: 'random', figure: 'touchesPerSecond', unit: 'touches/s', ratioMin: 0.7 },
  { name: 'scan', figure: 'megabytesPerSecond', unit: 'MB/s', ratioMin: 1 },
] as const

/** Pages in SQLite. */
export const sqlite: Scenario = {
  name: 'sqlite',
  work:
    'From JavaScript: random reads and a scan of 512 MiB in rows of 64 KiB through an eighth of ' +
    "it, the database in the page cache. SQLite's own cache has as much memory.",
  async run(bench) {
    const directory = mkdtempSync(join(tmpdir(), 'umap-bench-sqlite-'))
    try {
      const path = join(directory, 'pages.db')
      await contender(bench, path, 'make').run()
      const ours = contender(bench, path, 'region', 'ours')
      const peers = [
        contender(bench, path, 'direct', 'better-sqlite3'),
        contender(bench, path, 'direct-checked', 'better-sqlite3 with CRC-32'),
      ]
      const rounds = await runRounds(bench.runs, [ours, ...peers])
      return {
        comparisons: figures.flatMap(({ name, figure, unit, ratioMin }) =>
          peers.map((peer, index) =>
            compare(rounds, 'sqlite', {
              case: name,
              figure,
              unit,
              ours,
              peer,
              reach: index === 0 ? { ratioMin } : undefined,
            }),
          ),
        ),
      }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
}

function contender(bench: Bench, path: string, memory: string, name = memory): Contender {
  const { databaseBytes, databaseTouches } = bench.sizes
  return bench.node({
    name,
    program: 'sqlite',
    switches: {
      memory,
      'file-bytes': databaseBytes,
      'buffer-bytes': databaseBytes / 8,
      'page-bytes': pageBytes,
      touches: databaseTouches,
    },
    cache: 'any',
    path: () => path,
  })
}
