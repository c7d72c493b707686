// Eight clients read and write the same data sets through a buffer that holds a quarter of them,
// and are killed at random all along: no update is lost, no byte is wrong, nobody else notices.

import { describe, expect, it } from 'vitest'
import { inFiles, inSqlite, type Kept, names, noSqlite } from './load/kept.ts'
import { Load, testSeed } from './load/load.ts'
import { ownersMax, pageBytes } from './load/plan.mjs'
import { makeDirectory, until } from './processes.ts'
import { startServing } from './serving.ts'

const kills = process.env.UMAP_TEST_BRIEF === undefined ? 40 : 10

async function killClients(kept: Kept, seed: number): Promise<void> {
  const directory = await makeDirectory()
  const { pagesPerDataset } = kept
  const buffer = { bytes: (names.length * pagesPerDataset * pageBytes) / 4 }
  const serving = await startServing(directory, { buffer, datasets: await kept.create(directory) })
  const { socket } = serving
  const load = new Load({ directory, socket, seed, names, pagesPerDataset })
  await load.ready()
  let random = seed
  for (let kill = 0; kill < kills; kill++) {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0
    // Some are killed while they connect, most at work: after a few hundred steps of all.
    const steps = load.steps + ((random >>> 16) % 600)
    await until(
      () => load.steps >= steps,
      () => serving.supervisor.text(),
      30_000,
    )
    await load.kill(random % ownersMax)
    load.check()
  }
  await load.end()
  expect(await serving.close(), serving.supervisor.text()).toBe(0)
  load.verify(await Promise.all(names.map((name) => kept.read(directory, name))))
  console.log(`${load.steps} steps, ${load.kills} clients killed`)
}

describe('clients that are killed', () => {
  it('lose-no-update-of-anybody-over-files', async () => {
    await killClients(inFiles, testSeed('over files'))
  }, 60_000)

  it('lose-no-update-of-anybody-over-sqlite', async (context) => {
    if (noSqlite !== undefined) context.skip(noSqlite)
    await killClients(inSqlite, testSeed('over sqlite'))
  }, 60_000)
})
