// A read-only client of another user tries to write by every means that a process has: nothing
// changes for anybody else, nor in the store. What it does to its own mapping is its own affair.

import { chmodSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { numberedPages, numbersIn } from './numbered-pages.ts'
import { compilePreload } from './preload.ts'
import { makeDirectory } from './processes.ts'
import { Reader } from './reader.ts'
import { startServing } from './serving.ts'

const nobody = 65_534
const pages = 16
const sum = (pages * (pages + 1)) / 2

// What the kernel must refuse. The others reach memory of the attacker's own at most.
const refused = [
  'own-mmap',
  'mprotect-own-mmap',
  'proc-mem-own-mmap',
  'madvise-remove',
  'pwrite',
  'punch',
  'fallocate',
  'shrink',
  'grow',
  'seal',
  'fchmod',
  'pwrite-again',
  'reopen',
  'reopen-truncate',
  'madvise-remove-region',
]

it('what-a-read-only-client-of-another-user-tries-changes-nothing-for-anybody', async (context) => {
  if (process.getuid?.() !== 0) context.skip('only root can start a client as another user')
  const directory = await makeDirectory()
  chmodSync(directory, 0o755)
  const data = numberedPages(directory, 'data', pages, {
    access: 'read-write',
    allow: [{ uid: nobody, access: 'read-only' }, { uid: 0 }],
  })
  const serving = await startServing(directory, { socketMode: '0666', datasets: { data } })
  const other = await new Reader(serving.socket, 'data').mapped()
  const writer = await new Reader(serving.socket, 'data', { access: 'read-write' }).mapped()
  expect(await other.ask('sum')).toBe(`sum: ${sum}`)

  const preload = compilePreload(directory, 'attack')
  const attacker = await new Reader(serving.socket, 'data', { preload, uid: nobody }).mapped()
  expect(await attacker.ask('sum')).toBe(`sum: ${sum}`)
  expect(await attacker.ask('signal')).toBe('signal: true')
  const [, stolen] = await attacker.running.prints(/^attacked (\d+) 0$/m)
  const results = new Map(
    [...attacker.running.text().matchAll(/^([a-z-]+) (-?\d+) (\d+)$/gm)].map(([, name, result]) => [
      name,
      Number(result),
    ]),
  )
  expect(Number(stolen)).toBeGreaterThan(0)
  expect(results.get('mprotect-region')).toBe(0)
  const done = refused.filter((name) => results.get(name) !== -1)
  expect(done, attacker.running.text()).toEqual([])
  // A plain write too, which is what a program does that has forgotten what it asked for.
  await attacker.ask('write 5 -1')
  expect(await attacker.ask('read 5')).toBe('read: -1')

  // Resident pages, and the same after they have been in the store.
  expect(await other.ask('sum')).toBe(`sum: ${sum}`)
  expect(await writer.ask('sum')).toBe(`sum: ${sum}`)
  expect(await writer.ask('write 7 1000')).toBe('write: done')
  expect(await writer.ask('flush')).toBe('flush: undefined')
  expect(await writer.ask('evict')).toBe('evict: undefined')
  expect(await other.ask('sum')).toBe(`sum: ${sum - 8 + 1000}`)
  expect(await attacker.ask('read 7')).toBe('read: 1000')
  const expected = Array.from({ length: pages }, (_, page) => (page === 7 ? 1000 : page + 1))
  expect(numbersIn(directory, 'data')).toEqual(expected)
  for (const reader of [other, writer, attacker]) await reader.ask('close')
  expect(await serving.close(), serving.supervisor.text()).toBe(0)
  expect(numbersIn(directory, 'data')).toEqual(expected)
  expect(readFileSync(path.join(directory, 'data')).includes('ATTACKED')).toBe(false)
}, 60_000)
