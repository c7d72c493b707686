// Who gets what of a server: the rules of a data set, and what its owner is told of failures.

import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { UmapError } from '@umap/core'
import { fileStore } from '@umap/store-file'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type AllowRule, type Client, connect, type Server, serve } from '../dist/index.js'
import { scratch, writePattern } from './scratch.ts'

const place = scratch()
const uid = process.getuid?.() ?? 0
const gid = process.getgid?.() ?? 0

/** A server with a data set for each of `rules`, and a client of this process's user. */
async function serverWith(
  rules: Readonly<Record<string, readonly AllowRule[] | undefined>>,
): Promise<{ server: Server; client: Client }> {
  const store = fileStore({ path: writePattern(place('data'), 2 ** 18) })
  const datasets = Object.entries(rules).map(([name, allow]) => [
    name,
    { store, access: 'read-write' as const, ...(allow !== undefined && { allow }) },
  ])
  const server = await serve({
    socket: place('umap.sock'),
    buffer: { bytes: 2 ** 20 },
    datasets: Object.fromEntries(datasets),
  })
  onTestFinished(() => server.close())
  const client = await connect(server.socket)
  onTestFinished(() => client.close())
  return { server, client }
}

/** How a client may map data sets: the most that it gets, or the code of the refusal. */
async function accessOf(client: Client, name: string): Promise<string> {
  const attempts = ['read-write', 'read-only'] as const
  let code = ''
  for (const access of attempts) {
    try {
      const region = await client.map(name, { access })
      await region.close()
      return access
    } catch (error) {
      code = (error as UmapError).code
    }
  }
  return code
}

describe('the rules of a data set', () => {
  it('let in its own user by default, and else only whom they name', async () => {
    const { client } = await serverWith({
      byDefault: undefined,
      nobody: [],
      user: [{ uid }],
      group: [{ gid }],
      reader: [{ uid, access: 'read-only' }],
      strangers: [{ uid: uid + 1 }, { gid: gid + 4321 }],
      userOfStrangers: [{ uid, gid: gid + 4321 }],
      mostOfAll: [{ uid, access: 'read-only' }, { gid }],
    })
    const names = ['byDefault', 'user', 'group', 'reader', 'mostOfAll', 'nobody', 'strangers']
    const found = await Promise.all(names.map((name) => accessOf(client, name)))
    expect(Object.fromEntries(names.map((name, index) => [name, found[index]]))).toEqual({
      byDefault: 'read-write',
      user: 'read-write',
      group: 'read-write',
      reader: 'read-only',
      mostOfAll: 'read-write',
      nobody: 'UMAP_PERMISSION',
      strangers: 'UMAP_PERMISSION',
    })
    expect(await accessOf(client, 'userOfStrangers')).toBe('UMAP_PERMISSION')
    expect(await accessOf(client, 'unknown')).toBe('UMAP_NO_DATA_SET')
  })
})

describe('limits', () => {
  it('hold for what a client maps and pins, and come from the options', async () => {
    const store = fileStore({ path: writePattern(place('data'), 2 ** 18) })
    const server = await serve({
      socket: place('umap.sock'),
      buffer: { bytes: 2 ** 20 },
      datasets: { points: { store } },
      limits: { mappingsMax: 2, pinnedBytesMax: 2 ** 16, clientsMax: 1 },
    })
    onTestFinished(() => server.close())
    const client = await connect(server.socket)
    onTestFinished(() => client.close())
    const region = await client.map('points')
    await client.map('points')
    await expect(client.map('points')).rejects.toThrow(/2/)
    region.pin({ offset: 0, byteLength: 2 ** 16 })
    expect(() => region.pin({ offset: 2 ** 16, byteLength: 1 })).toThrow()
    await expect(connect(server.socket, { serverTimeoutMs: 500 })).rejects.toThrow(/1 clients/)
    const [stats] = server.stats().clients
    expect(stats).toMatchObject({ pid: process.pid, uid, pinnedBytes: 2 ** 16 })
    expect(stats?.mappings.map(({ dataset }) => dataset)).toEqual(['points', 'points'])
  })
})

describe('the error event', () => {
  it('names the data set whose write-back fails, and close says it too', async () => {
    const moodFile = place('mood')
    writeFileSync(moodFile, 'open')
    const module = fileURLToPath(new URL('./stores/moody-store.mjs', import.meta.url))
    const store = { module, options: { moodFile } }
    const server = await serve({
      socket: place('umap.sock'),
      buffer: { bytes: 2 ** 20 },
      datasets: { points: { store, access: 'read-write' } },
    })
    const told = new Promise<[UmapError, string]>((resolve) => {
      server.once('error', (error, dataset) => resolve([error, dataset]))
    })
    const client = await connect(server.socket)
    const region = await client.map('points', { access: 'read-write' })
    region.view(Uint8Array)[5] = 1
    writeFileSync(moodFile, 'fail')
    await expect(region.flush()).rejects.toMatchObject({ code: 'UMAP_STORE' })
    const [error, dataset] = await told
    expect(dataset).toBe('points')
    expect(error.place?.operation).toBe('write-back')
    await expect(server.close()).rejects.toThrow(
      /data set 'points'.*the disk is on fire.*65536 bytes/,
    )
    await client.close().catch(() => undefined)
    // Nothing is lost yet: when the store takes it, close succeeds.
    writeFileSync(moodFile, 'open')
    await server.close()
  })
})
