// The server is killed at random moments, its starts and takeovers among them, under a load of
// eight clients: what a client has written is there, and every client finishes.

import { describe, expect, it } from 'vitest'
import { inFiles, inSqlite, type Kept, names, noSqlite } from './load/kept.ts'
import { Load, testSeed } from './load/load.ts'
import { pageBytes } from './load/plan.mjs'
import { makeDirectory, until } from './processes.ts'
import { type Serving, startServing } from './serving.ts'

// As many as there is time for, up to this; UMAP_TEST_SERVER_KILLS takes the time that it takes.
const killsMax = Number(process.env.UMAP_TEST_SERVER_KILLS ?? 500)
const isTimed = process.env.UMAP_TEST_SERVER_KILLS === undefined
const isBrief = process.env.UMAP_TEST_BRIEF !== undefined

/** Kills one server, at a moment that `random` says; `last` was killed before. */
async function killServer(serving: Serving, load: Load, random: number, last: number | undefined) {
  const tell = () => serving.supervisor.text().slice(-2000)
  const isAnother = () => serving.serverPid() !== undefined && serving.serverPid() !== last
  await until(isAnother, tell, 60_000)
  // Most servers answer some faults first; one in eight is killed on its way to that.
  const isEarly = random % 8 === 0
  if (!isEarly) {
    const steps = load.steps + ((random >>> 8) % 64)
    const hasGoneOn = () => {
      load.check()
      return load.steps > steps
    }
    await until(hasGoneOn, tell, 60_000)
  }
  await new Promise((resolve) => setTimeout(resolve, (random >>> 16) % (isEarly ? 60 : 20)))
  const victim = serving.serverPid()
  if (victim !== undefined) process.kill(victim, 'SIGKILL')
  return victim
}

async function killServers(kept: Kept, seed: number, msMax: number): Promise<void> {
  const directory = await makeDirectory()
  const { pagesPerDataset } = kept
  const buffer = { bytes: (names.length * pagesPerDataset * pageBytes) / 4 }
  const serving = await startServing(directory, { buffer, datasets: await kept.create(directory) })
  const load = new Load({ directory, socket: serving.socket, seed, names, pagesPerDataset })
  await load.ready()

  const began = performance.now()
  let [random, last, kills] = [seed, undefined as number | undefined, 0]
  for (; kills < killsMax && (!isTimed || performance.now() < began + msMax); kills++) {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0
    // A supervisor has reason to give up where one server after the other dies before it serves.
    if (kills % 3 === 0) random |= 1
    last = await killServer(serving, load, random, last)
    load.check()
  }
  const each = (performance.now() - began) / kills
  await load.end()
  expect(await serving.close(), serving.supervisor.text().slice(-4000)).toBe(0)
  load.verify(await Promise.all(names.map((name) => kept.read(directory, name))))
  expect(kills).toBeGreaterThanOrEqual(Math.min(killsMax, 3))
  console.log(`${load.steps} steps, ${kills} servers killed, ${each.toFixed(0)} ms each`)
}

describe('what clients wrote', () => {
  it('outlives-every-kill-of-the-server-over-files', async () => {
    await killServers(inFiles, testSeed('servers over files'), isBrief ? 10_000 : 80_000)
  }, 3_600_000)

  it('outlives-every-kill-of-the-server-over-sqlite', async (context) => {
    if (noSqlite !== undefined) context.skip(noSqlite)
    await killServers(inSqlite, testSeed('servers over sqlite'), isBrief ? 5000 : 20_000)
  }, 3_600_000)
})
