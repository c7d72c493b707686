// How processes end that have regions of a server open, and how they begin where the machine refuses
// what a client needs: nothing is lost, nothing hangs, and the reason is said.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { serve } from '@umap/server'
import { fileStore } from '@umap/store-file'
import { expect, it, onTestFinished } from 'vitest'
import { numberedPages } from './e2e/numbered-pages.ts'
import { makeDirectory, start, startNode } from './e2e/processes.ts'
import { startServing } from './e2e/serving.ts'
import { scratch, writePattern } from './scratch.ts'

const place = scratch()
const pageBytes = 4096
const byteLength = 16 * pageBytes
const program = fileURLToPath(new URL('./programs/client-exits.mjs', import.meta.url))
const filterSource = fileURLToPath(
  new URL('../../native/test/programs/refuse_userfaultfd.c', import.meta.url),
)

it('process.exit loses nothing that a client has written, and warns of nothing', async () => {
  const socket = place('umap.sock')
  const file = writePattern(place('data'), byteLength)
  const data = { store: fileStore({ path: file }), access: 'read-write' as const, pageBytes }
  const server = await serve({ socket, buffer: { bytes: byteLength }, datasets: { data } })
  onTestFinished(() => server.close())
  const client = startNode(program, [socket, 'dirty'])
  expect(await client.ended).toEqual({ code: 3, signal: null })
  expect(client.text()).toBe('written\n')
  await server.close()
  expect(readFileSync(file).every((byte) => byte === 9)).toBe(true)
})

it('process.exit ends a process whose thread waits for a server that is stopped', async () => {
  const directory = await makeDirectory()
  const data = numberedPages(directory, 'data', 16, { access: 'read-write', pageBytes })
  const serving = await startServing(directory, { datasets: { data } })
  const client = startNode(program, [serving.socket, 'waits'])
  await client.prints(/^ready$/m)
  const server = serving.serverPid() as number
  process.kill(server, 'SIGSTOP')
  onTestFinished(() => void process.kill(server, 'SIGCONT'))
  client.child.stdin?.write('touch\n')
  expect(await client.ended).toEqual({ code: 3, signal: null })
})

it('a process that may have no userfaultfd is told what would help', async (context) => {
  const filter = place('refuse-userfaultfd')
  const compiled = start('gcc', ['-O2', '-o', filter, filterSource])
  expect((await compiled.ended).code).toBe(0)
  const tried = start(filter, ['all', 'true'])
  if ((await tried.ended).code !== 0) return context.skip('no seccomp filter can be installed')
  const code = `import('@umap/server').then(({ connect }) => connect('/nowhere')).catch((error) => {
    console.log(error.code, error.message)
  })`
  const args = ['all', process.execPath, '--input-type=module', '-e', code]
  const refused = start(filter, args, { cwd: fileURLToPath(new URL('.', import.meta.url)) })
  expect((await refused.ended).code).toBe(0)
  expect(refused.text()).toMatch(/^UMAP_(PERMISSION|UNSUPPORTED) cannot connect to \/nowhere: /)
  expect(refused.text()).toMatch(/Any one of these helps:\n {2}- /)
  expect(refused.text()).not.toContain("faults: 'auto'")
})
