// A server process under its supervisor: what happens when either of them dies, and how both end.

import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { scratch, writePattern } from './scratch.ts'
import { descriptorsOf, isAlive, Supervised, until } from './supervised.ts'

const place = scratch()
const moodyStore = fileURLToPath(new URL('./stores/moody-store.mjs', import.meta.url))

/** A folder, a file in it, and a configuration that serves it. */
function fileSetup() {
  const folder = place('serve')
  mkdirSync(folder)
  const data = writePattern(path.join(folder, 'data'), 2 ** 20)
  const store = { module: '@umap/store-file', options: { path: data } }
  const config = { buffer: { bytes: 2 ** 19 }, datasets: { points: { store } } }
  return { folder, data, config }
}

/** The same over a store whose mood can be changed. */
function moodySetup() {
  const folder = place('serve')
  mkdirSync(folder)
  const moodFile = path.join(folder, 'mood')
  const setMood = (mood: string) => writeFileSync(moodFile, mood)
  setMood('open')
  const store = { module: moodyStore, options: { moodFile } }
  return { folder, setMood, config: { datasets: { points: { store, access: 'read-write' } } } }
}

describe('a supervised server', () => {
  it('says when it listens, and ends in order at SIGTERM', async () => {
    const { folder, config } = fileSetup()
    const server = new Supervised(folder, { ...config, socketMode: '0660', metrics: { port: 0 } })
    const { socket, pid, metricsPort } = await server.listening()
    expect(socket).toBe(server.socket)
    expect(server.servers()).toEqual([pid])
    expect(statSync(socket).mode & 0o777).toBe(0o660)
    const metrics = await fetch(`http://127.0.0.1:${metricsPort}/metrics`)
    expect(await metrics.text()).toContain('umap_dataset_size_bytes{dataset="points"} 1048576\n')
    server.kill('SIGTERM')
    expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(existsSync(socket)).toBe(false)
    expect(isAlive(pid)).toBe(false)
    expect(server.stderr).toBe('')
  })

  it('is followed by another one when it is killed, at the same socket and port', async () => {
    const { folder, config } = fileSetup()
    const server = new Supervised(folder, { ...config, metrics: { port: 0 } })
    const { socket, pid, metricsPort } = await server.listening()
    const { ino } = statSync(socket)
    const kept = () => descriptorsOf(server.pid).filter((name) => name.startsWith('/memfd:umap'))
    expect(kept()).toHaveLength(2)
    let killed = pid
    for (let generation = 2; generation <= 4; generation++) {
      process.kill(killed, 'SIGKILL')
      await until(() => server.stderr.split('has taken over').length === generation, 'taken over')
      const [next = 0] = server.servers()
      expect(next).not.toBe(killed)
      killed = next
      const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
      expect(metrics).toContain(`umap_server_generation ${generation}\n`)
    }
    expect(statSync(socket).ino).toBe(ino)
    expect(kept()).toHaveLength(2)
    expect(server.stderr).toContain('has died (it was killed by SIGKILL); another one takes over')
    server.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
    expect(existsSync(socket)).toBe(false)
  })

  it('ends in order once, when a terminal interrupts all of its processes', async () => {
    const { folder, config } = fileSetup()
    const server = new Supervised(folder, config)
    const { socket } = await server.listening()
    server.killGroup('SIGINT')
    expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(existsSync(socket)).toBe(false)
    expect(server.stderr).toBe('')
  })

  it('ends in order when all of its processes are told to, as systemd does', async () => {
    const { folder, config } = fileSetup()
    const server = new Supervised(folder, config)
    await server.listening()
    server.killGroup('SIGTERM')
    expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(server.stderr).toBe('')
  })

  it('goes on after SIGHUP', async () => {
    const { folder, config } = fileSetup()
    const server = new Supervised(folder, config)
    const { pid } = await server.listening()
    server.killGroup('SIGHUP')
    await server.says('umap: SIGHUP changes nothing')
    expect(server.servers()).toEqual([pid])
    server.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
  })

  it('ends by itself when its supervisor is killed', async () => {
    const { folder, config } = fileSetup()
    const server = new Supervised(folder, config)
    const { socket, pid } = await server.listening()
    server.kill('SIGKILL')
    await until(() => !isAlive(pid), 'the server process has ended')
    expect(existsSync(socket)).toBe(false)
  })

  it('is told to end also while it is being started again', async () => {
    const { folder, config } = fileSetup()
    const server = new Supervised(folder, config)
    const { socket, pid } = await server.listening()
    process.kill(pid, 'SIGKILL')
    await server.says('another one takes over')
    server.kill('SIGTERM')
    expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(existsSync(socket)).toBe(false)
  })
})

describe('a server that cannot be', () => {
  it('is not tried twice where its first start is refused', async () => {
    const { folder, config, setMood } = moodySetup()
    setMood('refuse')
    const server = new Supervised(folder, config)
    expect((await server.ended).code).toBe(1)
    expect(server.stderr).toMatch(/^umap: .*cannot be opened: not today\n$/)
    expect(existsSync(server.socket)).toBe(false)
  })

  it('is refused at a path where another one listens, which goes on', async () => {
    const { folder, config } = fileSetup()
    const first = new Supervised(folder, config)
    const { pid } = await first.listening()
    const second = new Supervised(folder, config)
    expect((await second.ended).code).toBe(1)
    expect(second.stderr).toMatch(/^umap: the socket .* cannot be had: .*already\n$/)
    expect(first.servers()).toEqual([pid])
    expect(existsSync(first.socket)).toBe(true)
    first.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)
  })

  it('is given up when it dies again and again without having served', async () => {
    const { folder, config, setMood } = moodySetup()
    const server = new Supervised(folder, config)
    const { pid } = await server.listening()
    setMood('die')
    process.kill(pid, 'SIGKILL')
    expect(await server.ended).toEqual({ code: 1, signal: null })
    expect(server.stderr).toContain('has died 4 times in a row without having served')
    expect(server.stderr).toContain('giving up; what was not written back is lost')
    expect(existsSync(server.socket)).toBe(false)
  })

  it('is tried again where a later start is refused, and serves when it can', async () => {
    const { folder, config, setMood } = moodySetup()
    const server = new Supervised(folder, config)
    const { pid } = await server.listening()
    setMood('refuse')
    process.kill(pid, 'SIGKILL')
    await server.says(/has died \(.*not today\); another one takes over in \d+ ms/)
    setMood('open')
    await server.says('has taken over')
    server.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
  })
})
