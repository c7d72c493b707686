// What a client's program does to its own address space and processes: fork, exec, munmap, mremap.

import { expect, it } from 'vitest'
import { numberedPages } from './numbered-pages.ts'
import { compilePreload } from './preload.ts'
import { makeDirectory } from './processes.ts'
import { Reader } from './reader.ts'
import { startServing } from './serving.ts'

const pages = 64
const sigsegv = 11

it('a-client-may-fork-unmap-and-move-its-mapping', async () => {
  const directory = await makeDirectory()
  const data = numberedPages(directory, 'data', pages, { access: 'read-write' })
  const serving = await startServing(directory, { datasets: { data } })
  const other = await new Reader(serving.socket, 'data').mapped()
  for (const access of ['read-only', 'read-write'] as const) {
    const preload = compilePreload(directory, 'move')
    const mover = await new Reader(serving.socket, 'data', { access, preload }).mapped()
    await mover.ask('read 3')
    await mover.ask('signal')
    await mover.running.prints(/^wrong-after-move /m)
    expect(mover.running.text()).toMatch(new RegExp(`^child ${sigsegv} 0$`, 'm'))
    expect(mover.running.text()).toMatch(/^munmap 0 /m)
    expect(mover.running.text()).toMatch(/^mremap 0 /m)
    expect(mover.running.text()).toMatch(/^wrong-after-move 0 0$/m)
    expect(await other.ask('sum')).toBe(`sum: ${(pages * (pages + 1)) / 2}`)
    mover.running.child.kill('SIGKILL')
    await mover.running.ended
  }
  expect(await serving.close(), serving.supervisor.text()).toBe(0)
}, 60_000)

it('an-executed-child-of-a-client-holds-no-descriptor', async () => {
  const directory = await makeDirectory()
  const datasets = { data: numberedPages(directory, 'data', pages) }
  const serving = await startServing(directory, { datasets })
  const reader = await new Reader(serving.socket, 'data').mapped()
  await reader.ask('sum')
  const open = await reader.ask('exec')
  expect(open).toContain('/proc/')
  // The first three are the child's own, which are sockets too.
  expect(open.replace(/ [012] -> [^;]*;/g, '')).not.toMatch(/memfd|userfaultfd|socket/)
  expect(await reader.ask('close')).toBe('close: undefined')
  expect(await serving.close(), serving.supervisor.text()).toBe(0)
}, 60_000)
