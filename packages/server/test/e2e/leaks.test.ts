// What is left when clients and servers have come and gone: nothing.

import { existsSync, readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { numberedPages } from './numbered-pages.ts'
import { childrenOf, descriptorsOf, makeDirectory, statusField, until } from './processes.ts'
import { Reader } from './reader.ts'
import { type Serving, startServing } from './serving.ts'

// The descriptors and threads of both processes of a server, in a form that can be compared.
function heldBy(serving: Serving): Record<string, unknown> {
  const held = [serving.supervisor.pid, serving.serverPid() as number].map((pid) => ({
    threads: Number(statusField(pid, 'Threads')),
    descriptors: descriptorsOf(pid).map(kindOf).sort(),
  }))
  return { supervisor: held[0], server: held[1] }
}

const kindOf = (target: string) => target.replace(/:\[\d+\]$/, '')

it('clients-that-went-by-closing-or-by-a-kill-leave-nothing-in-the-server', async () => {
  const directory = await makeDirectory()
  const data = numberedPages(directory, 'data', 64, { access: 'read-write' })
  const serving = await startServing(directory, { datasets: { data } })
  const visit = async (end: 'close' | 'kill') => {
    const options = { access: end === 'close' ? 'read-only' : 'read-write' } as const
    const reader = await new Reader(serving.socket, 'data', options).mapped()
    await reader.ask('sum')
    if (end === 'close') {
      expect(await reader.ask('close')).toBe('close: undefined')
      reader.running.child.stdin?.end()
    } else {
      reader.running.child.kill('SIGKILL')
    }
    await reader.running.ended
  }
  // The first ones make what is made once.
  await visit('close')
  await visit('kill')
  await until(
    () => descriptorsOf(serving.serverPid() as number).length > 0,
    () => '',
  )
  const before = JSON.stringify(heldBy(serving))
  for (let round = 0; round < 5; round++) await Promise.all([visit('close'), visit('kill')])
  await until(
    () => JSON.stringify(heldBy(serving)) === before,
    () => `${before} became ${JSON.stringify(heldBy(serving))}`,
  )
  expect(await serving.close(), serving.supervisor.text()).toBe(0)
}, 60_000)

it('closing-leaves-no-process-socket-or-memory-file', async () => {
  const directory = await makeDirectory()
  const data = numberedPages(directory, 'data', 64, { access: 'read-write' })
  const serving = await startServing(directory, { datasets: { data } })
  const reader = await new Reader(serving.socket, 'data', { access: 'read-write' }).mapped()
  await reader.ask('sum')
  await reader.ask('write 3 33')
  const processes = [serving.supervisor.pid, ...childrenOf(serving.supervisor.pid)]
  expect(processes.length).toBeGreaterThan(1)
  // A server that was killed leaves nothing either.
  const first = serving.serverPid() as number
  process.kill(first, 'SIGKILL')
  await serving.supervisor.prints(/has taken over/)
  expect(await reader.ask('write 4 44')).toBe('write: done')
  processes.push(serving.serverPid() as number)
  expect(await reader.ask('close')).toBe('close: undefined')
  await until(
    () => !descriptorsOf(reader.running.pid).some((name) => /memfd:umap|userfaultfd/.test(name)),
    () => descriptorsOf(reader.running.pid).join(' '),
  )
  expect(await serving.close(), serving.supervisor.text()).toBe(0)
  expect(processes.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([])
  expect(readdirSync(directory).sort()).toEqual(['data', 'serve.json'])
}, 60_000)
