// Many clients fault on one page at a time, which the store gives only when all of them wait.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { readServerStats } from '@umap/server'
import { expect, it } from 'vitest'
import { makeDirectory, programPath } from './processes.ts'
import { Reader } from './reader.ts'
import { startServing } from './serving.ts'

const clients = process.env.UMAP_TEST_BRIEF === undefined ? 64 : 8

it(`${clients}-clients-on-one-cold-page-cause-one-fill`, async () => {
  const directory = await makeDirectory()
  const gate = path.join(directory, 'gate')
  const options = { gate, byteLength: 16 * 4096 }
  const store = { module: programPath('programs/gated-store.mjs'), options }
  const datasets = { data: { store, pageBytes: 4096, readAhead: 0 } }
  const serving = await startServing(directory, { datasets })
  const readers: Reader[] = []
  // A few at a time: a process that starts takes both processors of a small machine.
  for (let count = 0; count < clients; count += 8) {
    const some = Array.from({ length: 8 }, () => new Reader(serving.socket, 'data'))
    readers.push(...some)
    await Promise.all(some.map((reader) => reader.mapped()))
  }
  for (const reader of readers) reader.tell('read 9')
  let waiting = 0
  while (waiting < clients) {
    const stats = await readServerStats(serving.socket)
    waiting = stats.clients
      .flatMap(({ mappings }) => mappings)
      .reduce((sum, m) => sum + m.waiting, 0)
    expect(stats.datasets[0]?.region.fills).toBe(0)
  }
  writeFileSync(gate, '')
  expect(new Set(await Promise.all(readers.map((reader) => reader.answer())))).toEqual(
    new Set(['read: 10']),
  )
  const stats = await readServerStats(serving.socket)
  expect(stats.datasets[0]?.region.fills).toBe(1)
  expect(stats.datasets[0]?.clients.faults).toBe(clients)
  await Promise.all(readers.map((reader) => reader.ask('close')))
  expect(await serving.close(), serving.supervisor.text()).toBe(0)
}, 90_000)
