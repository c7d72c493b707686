// A server in this process: what it tells, and that closing it leaves nothing behind.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { UmapError } from '@umap/core'
import { fileStore } from '@umap/store-file'
import { describe, expect, it } from 'vitest'
import { type ServeOptions, serve } from '../dist/index.js'
import { scratch, writePattern } from './scratch.ts'
import { descriptorsOf, until } from './supervised.ts'

const place = scratch()
const bytes = 2 ** 20

/** Options that serve one file, and more. */
function optionsFor(more: Partial<ServeOptions> = {}): ServeOptions & { file: string } {
  const file = writePattern(place('data'), bytes)
  const datasets = { points: { store: fileStore({ path: file }), access: 'read-write' as const } }
  const options = { socket: place('umap.sock'), buffer: { bytes: 2 ** 19 }, datasets, ...more }
  return Object.defineProperty(options, 'file', { value: file, enumerable: false }) as never
}

/** What a server takes of this process. */
function held() {
  return {
    memory: descriptorsOf('self').filter((name) => name.startsWith('/memfd:umap')).length,
    sockets: descriptorsOf('self').filter((name) => name.startsWith('socket:')).length,
    threads: readdirSync('/proc/self/task')
      .map((thread) => readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim())
      .filter((name) => name.startsWith('umap')).length,
  }
}

/** Whether no more is held than before; what a test before this one had may go meanwhile. */
function isWithin(now: ReturnType<typeof held>, before: ReturnType<typeof held>): boolean {
  const { memory, sockets, threads } = now
  return memory <= before.memory && sockets <= before.sockets && threads <= before.threads
}

describe('a server', () => {
  it('has a socket for its own user by default, and another mode where that is said', async () => {
    await using own = await serve(optionsFor())
    expect(statSync(own.socket).mode & 0o777).toBe(0o600)
    expect(statSync(own.socket).isSocket()).toBe(true)
    await using shared = await serve(optionsFor({ socketMode: '0666' }))
    expect(statSync(shared.socket).mode & 0o777).toBe(0o666)
  })

  it('tells what it has, also when it is closed', async () => {
    const server = await serve(optionsFor())
    const stats = server.stats()
    expect(stats.generation).toBe(1)
    expect(stats.clients).toEqual([])
    expect(stats.buffer.budgetBytes).toBe(2 ** 19)
    expect(stats.datasets).toHaveLength(1)
    expect(stats.datasets[0]).toMatchObject({
      name: 'points',
      writable: true,
      byteLength: bytes,
      pageBytes: 65_536,
      mappings: 0,
      region: { residentBytes: 0, dirtyBytes: 0, faultMode: 'shared' },
      clients: { faults: 0, residentFaults: 0 },
    })
    await server.close()
    expect(server.stats().datasets[0]?.name).toBe('points')
  })

  it('has a buffer that adapts where none is given', async () => {
    const { buffer: _, ...options } = optionsFor()
    await using server = await serve(options)
    expect(server.stats().buffer.budgetBytes).toBeGreaterThan(2 ** 22)
  })

  it('gives its metrics to this machine alone, and only those', async () => {
    await using server = await serve(optionsFor({ metrics: { port: 0 } }))
    const url = `http://127.0.0.1:${server.metricsPort}`
    const response = await fetch(`${url}/metrics`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await response.text()).toContain('umap_buffer_budget_bytes 524288\n')
    expect((await fetch(`${url}/`)).status).toBe(404)
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405)
    const port = Number(server.metricsPort).toString(16).toUpperCase().padStart(4, '0')
    const listeners = readFileSync('/proc/net/tcp', 'utf8').match(
      /\S+:[0-9A-F]{4} 00000000:0000 0A/g,
    )
    const own = (listeners ?? []).filter((line) => line.includes(`:${port} `))
    expect(own).toEqual([`0100007F:${port} 00000000:0000 0A`])
  })

  it('says that its metrics port is taken, and leaves nothing behind', async () => {
    await using server = await serve(optionsFor({ metrics: { port: 0 } }))
    const options = optionsFor({ metrics: { port: server.metricsPort ?? 0 } })
    await expect(serve(options)).rejects.toThrow(`metrics.port ${server.metricsPort} cannot be had`)
    expect(existsSync(options.socket)).toBe(false)
  })

  it('leaves nothing behind when it is closed, however often', async () => {
    const before = held()
    for (let round = 0; round < 3; round++) {
      const server = await serve(optionsFor({ metrics: { port: 0 } }))
      expect(held().memory).toBeGreaterThan(before.memory)
      await Promise.all([server.close(), server.close()])
      await server.close()
      expect(existsSync(server.socket)).toBe(false)
    }
    await until(() => isWithin(held(), before), 'all is given back')
  })

  it('leaves nothing behind when it cannot be', async () => {
    const before = held()
    const options = optionsFor()
    const missing = { store: fileStore({ path: '/nowhere/data' }) }
    const attempt = serve({ ...options, datasets: { ...options.datasets, missing } })
    await expect(attempt).rejects.toThrow(UmapError)
    await expect(attempt).rejects.toMatchObject({ code: 'UMAP_STORE', cause: { code: 'ENOENT' } })
    await until(() => isWithin(held(), before), 'all is given back')
    expect(existsSync(options.socket)).toBe(false)
  })

  it('refuses a path where something is, by the name of the option', async () => {
    const socket = place('file')
    writeFileSync(socket, 'precious')
    await expect(serve(optionsFor({ socket }))).rejects.toThrow(
      `the socket ${socket} cannot be had`,
    )
    expect(readFileSync(socket, 'utf8')).toBe('precious')
    await using server = await serve(optionsFor())
    const again = serve(optionsFor({ socket: server.socket }))
    await expect(again).rejects.toMatchObject({ code: 'UMAP_ENGINE' })
    expect(statSync(server.socket).isSocket()).toBe(true)
  })

  it('refuses a data set without a byte', async () => {
    const file = place('empty')
    writeFileSync(file, '')
    const datasets = { nothing: { store: fileStore({ path: file }) } }
    await expect(serve(optionsFor({ datasets }))).rejects.toThrow(/^datasets\.nothing: .*no bytes$/)
  })

  it('takes its socket away when its process exits without closing it', () => {
    const { socket, file } = optionsFor()
    const program = fileURLToPath(new URL('./programs/serve-and-exit.mjs', import.meta.url))
    const ended = spawnSync(process.execPath, [program, socket, file], { encoding: 'utf8' })
    expect({ status: ended.status, stderr: ended.stderr }).toEqual({ status: 3, stderr: '' })
    expect(existsSync(socket)).toBe(false)
  })
})
