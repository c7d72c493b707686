// A server without a fixed buffer gives memory back when its cgroup is made smaller, while clients
// go on.

import { writeFileSync } from 'node:fs'
import { readServerStats } from '@umap/server'
import { expect, it } from 'vitest'
import { makeMemoryCgroup } from './memory-cgroup.ts'
import { numberedPages, pageBytes } from './numbered-pages.ts'
import { makeDirectory } from './processes.ts'
import { Reader } from './reader.ts'
import { startServing } from './serving.ts'

const mebibyte = 2 ** 20
const dataBytes = 192 * mebibyte
const pages = dataBytes / pageBytes
const sum = (pages * (pages + 1)) / 2

it('the-buffer-shrinks-with-the-memory-of-the-cgroup-and-clients-go-on', async (context) => {
  const cgroup = makeMemoryCgroup('pressure')
  if (typeof cgroup === 'string') return context.skip(cgroup)
  const directory = await makeDirectory()
  const data = numberedPages(directory, 'data', pages, { pageBytes: 64 * 1024 })
  cgroup.limit(1024 * mebibyte)
  const serving = await startServing(directory, { datasets: { data } }, (pid) => {
    writeFileSync(cgroup.procs, String(pid))
  })
  const readers = await Promise.all(
    Array.from({ length: 2 }, () => new Reader(serving.socket, 'data').mapped()),
  )
  for (const reader of readers) expect(await reader.ask('sum')).toBe(`sum: ${sum}`)
  const before = (await readServerStats(serving.socket)).buffer
  // All of it was resident, or there would be nothing to give back.
  expect(before.residentBytes).toBe(dataBytes)

  cgroup.limit(cgroup.usedBytes() + 16 * mebibyte)
  for (const reader of readers) reader.tell('sum')
  let after = before
  while (after.budgetBytes >= before.residentBytes || after.residentBytes > after.budgetBytes) {
    after = (await readServerStats(serving.socket)).buffer
  }
  expect(after.residentBytes).toBeLessThan(before.residentBytes)
  for (const reader of readers) expect(await reader.answer()).toBe(`sum: ${sum}`)
  for (const reader of readers) expect(await reader.ask('sum')).toBe(`sum: ${sum}`)
  expect(await serving.close(), serving.supervisor.text()).toBe(0)
}, 60_000)
