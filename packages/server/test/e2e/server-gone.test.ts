// A server that is silent for longer than a client will wait, or is gone for good: a clear message,
// an error or a signal, and never zeros or a process that hangs.

import { readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { numberedPages } from './numbered-pages.ts'
import { makeDirectory, statusField, until } from './processes.ts'
import { Reader } from './reader.ts'
import { type Serving, startServing } from './serving.ts'

const message = /^umap: .*server.*$/m

async function serveSomething(): Promise<Serving> {
  const directory = await makeDirectory()
  const data = numberedPages(directory, 'data', 16, { access: 'read-write' })
  return startServing(directory, { datasets: { data } })
}

// A signal is sent at once and obeyed by each thread a little later.
async function stop(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  const isStopped = (thread: string) => statusField(`${pid}/task/${thread}`, 'State') === 'T'
  await until(
    () => readdirSync(`/proc/${pid}/task`).every(isStopped),
    () => 'a thread runs still',
  )
}

async function loseServer(serving: Serving, how: 'silent' | 'gone'): Promise<() => void> {
  const server = serving.serverPid() as number
  if (how === 'silent') {
    await stop(server)
    return () => process.kill(server, 'SIGKILL')
  }
  // The supervisor first: it would start another one.
  serving.supervisor.child.kill('SIGKILL')
  process.kill(server, 'SIGKILL')
  await serving.supervisor.ended
  await until(
    () => ['Z', undefined].includes(statusField(server, 'State')),
    () => 'the server lives',
  )
  return () => undefined
}

for (const how of ['silent', 'gone'] as const) {
  it(`a-touch-ends-in-a-message-when-the-server-is-${how}`, async () => {
    const serving = await serveSomething()
    const readers = await Promise.all(
      (['read-only', 'read-write'] as const).map((access) =>
        new Reader(serving.socket, 'data', { access, serverTimeoutMs: 1000 }).mapped(),
      ),
    )
    for (const reader of readers) expect(await reader.ask('read 2')).toBe('read: 3')
    const clean = await loseServer(serving, how)
    for (const reader of readers) reader.tell('read 5')
    for (const reader of readers) {
      const { signal } = await reader.running.ended
      expect(signal, reader.running.text()).toBe('SIGBUS')
      expect(reader.running.text()).toMatch(message)
      expect(reader.running.text()).not.toContain('read: 0')
    }
    clean()
  })

  it(`requests-and-system-calls-fail-when-the-server-is-${how}`, async () => {
    const serving = await serveSomething()
    const options = { access: 'read-write', serverTimeoutMs: 1000 } as const
    const reader = await new Reader(serving.socket, 'data', options).mapped()
    expect(await reader.ask('read 2')).toBe('read: 3')
    const clean = await loseServer(serving, how)
    expect(await reader.ask('prefault 6')).toMatch(/^prefault failed: UMAP_SERVER_GONE .*server/)
    expect(await reader.ask('flush')).toMatch(/^flush failed: UMAP_SERVER_GONE /)
    expect(await reader.ask('system 7')).toMatch(/^system failed: EFAULT /)
    // What it had is still there to read, and it can end.
    expect(await reader.ask('read 2')).toBe('read: 3')
    expect(await reader.ask('close')).toMatch(/^close/)
    reader.running.child.stdin?.end()
    expect(await reader.running.ended).toEqual({ code: 0, signal: null })
    clean()
  })

  it(`a-first-write-ends-in-a-message-when-the-server-is-${how}`, async () => {
    const serving = await serveSomething()
    const options = { access: 'read-write', serverTimeoutMs: 1000 } as const
    const reader = await new Reader(serving.socket, 'data', options).mapped()
    expect(await reader.ask('read 2')).toBe('read: 3')
    const clean = await loseServer(serving, how)
    // Resident, but protected: nobody is there to call it dirty.
    reader.tell('write 2 1000')
    const { signal } = await reader.running.ended
    expect(signal, reader.running.text()).toBe('SIGBUS')
    expect(reader.running.text()).toMatch(message)
    expect(reader.running.text()).not.toContain('write: done')
    clean()
  })
}

it('a-pause-that-is-shorter-than-the-limit-is-only-a-pause', async () => {
  const serving = await serveSomething()
  const reader = await new Reader(serving.socket, 'data', { serverTimeoutMs: 20_000 }).mapped()
  const server = serving.serverPid() as number
  await stop(server)
  reader.tell('read 11')
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(reader.running.text()).not.toContain('read:')
  process.kill(server, 'SIGCONT')
  expect(await reader.answer()).toBe('read: 12')
  expect(await reader.ask('close')).toBe('close: undefined')
  expect(await serving.close(), serving.supervisor.text()).toBe(0)
  await until(
    () => reader.running.child.exitCode === null,
    () => reader.running.text(),
  )
})
