// connect() and its client: arguments, codes of errors, ends. The server lives in this process.

import { type Region, UmapError } from '@umap/core'
import { fileStore } from '@umap/store-file'
import { describe, expect, it } from 'vitest'
import { connect, serve } from '../dist/index.js'
import { scratch, writePattern } from './scratch.ts'

const place = scratch()
const pageBytes = 4096
const byteLength = 64 * pageBytes

async function start() {
  const socket = place('umap.sock')
  const store = fileStore({ path: writePattern(place('data'), byteLength) })
  const server = await serve({
    socket,
    buffer: { bytes: byteLength },
    datasets: {
      points: { store, access: 'read-write', pageBytes },
      constants: { store, pageBytes },
      secrets: { store, pageBytes, allow: [{ uid: 2 ** 31 }] },
    },
  })
  return { socket, server }
}

describe('connect', () => {
  it.each<[unknown, unknown, RegExp]>([
    [undefined, {}, /path must be the path of a server's Unix socket, not undefined/],
    ['', {}, /path must be/],
    ['a\0b', {}, /path must be/],
    ['x', 5, /options must be an object/],
    ['x', { timeout: 5 }, /connect has no option named timeout/],
    ['x', { serverTimeoutMs: '5' }, /serverTimeoutMs must be a number/],
    ['x', { serverTimeoutMs: 5 }, /serverTimeoutMs must be an integer from 100/],
  ])('refuses %j with %j by the name of the argument', async (path, options, message) => {
    const failed = await connect(path as string, options as object).catch((error) => error)
    expect(failed instanceof TypeError || failed instanceof RangeError).toBe(true)
    expect(failed.message).toMatch(message)
    expect(failed.stack).toContain('connect.test.ts')
  })

  it('says that nobody is there, where that is so', async () => {
    const path = place('nobody')
    const failed = await connect(path, { serverTimeoutMs: 150 }).catch((error) => error)
    expect(failed).toBeInstanceOf(UmapError)
    expect(failed.code).toBe('UMAP_SERVER_GONE')
    expect(failed.message).toContain(path)
    expect(failed.stack).toContain('connect.test.ts')
  })

  it('waits for a server that is about to start', async () => {
    const socket = place('umap.sock')
    const connecting = connect(socket)
    const store = fileStore({ path: writePattern(place('data'), byteLength) })
    const server = await serve({ socket, datasets: { points: { store } } })
    const client = await connecting
    await client.close()
    await server.close()
  })
})

describe('a client', () => {
  it('says by code why a data set cannot be mapped', async () => {
    const { socket, server } = await start()
    const client = await connect(socket)
    const codeOf = (name: string, options = {}) =>
      client.map(name, options).then(
        () => 'mapped',
        (error: UmapError) => error.code,
      )
    expect(await codeOf('lines')).toBe('UMAP_NO_DATA_SET')
    expect(await codeOf('secrets')).toBe('UMAP_PERMISSION')
    expect(await codeOf('constants', { access: 'read-write' })).toBe('UMAP_PERMISSION')
    await expect(client.map('')).rejects.toThrow(RangeError)
    await expect(client.map(5 as never)).rejects.toThrow(TypeError)
    await expect(client.map('points', { access: 'all' as never })).rejects.toThrow(/access must be/)
    await expect(client.map('points', { store: 1 } as never)).rejects.toThrow(/named store/)
    await client.close()
    expect(await codeOf('points')).toBe('UMAP_CLOSED')
    await server.close()
  })

  it('closes its regions with it, and may be closed again', async () => {
    const { socket, server } = await start()
    const client = await connect(socket)
    const [first, second] = await Promise.all([
      client.map('points', { access: 'read-write' }),
      client.map('points'),
    ])
    const [writer, reader] = [first.view(Uint8Array), second.view(Uint8Array)]
    writer[pageBytes] = 77
    expect(reader[pageBytes]).toBe(77)
    await client.close()
    expect([writer.length, reader.length]).toEqual([0, 0])
    await client.close()
    expect(server.stats().datasets[0]?.region.dirtyBytes).toBe(0)
    await server.close()
  })

  it('keeps what is written to a read-only region to itself', async () => {
    const { socket, server } = await start()
    await using client = await connect(socket)
    const mine = await client.map('points')
    const other = await client.map('points')
    mine.view(Uint8Array)[5 * pageBytes] = 200
    expect(mine.view(Uint8Array)[5 * pageBytes]).toBe(200)
    expect(other.view(Uint8Array)[5 * pageBytes]).toBe(5)
    await expect(mine.discard({ offset: 0 })).rejects.toMatchObject({ code: 'UMAP_READ_ONLY' })
    await client.close()
    await server.close()
  })

  it('tells its regions that the server is gone, and rejects what they ask', async () => {
    const { socket, server } = await start()
    const client = await connect(socket)
    const region: Region = await client.map('points', { access: 'read-write' })
    const view = region.view(Uint8Array)
    expect(view[pageBytes]).toBe(1)
    const { faults } = region.stats()
    const told = new Promise<UmapError>((resolve) => region.once('error', resolve))
    await server.close()
    expect(await told).toMatchObject({ code: 'UMAP_SERVER_GONE' })
    const gone = { name: 'UmapError', code: 'UMAP_SERVER_GONE' }
    await expect(region.flush()).rejects.toMatchObject(gone)
    await expect(region.prefault()).rejects.toMatchObject(gone)
    expect(() => region.pin({ offset: 0, byteLength: 1 })).toThrow(expect.objectContaining(gone))
    expect(region.stats().faults).toBe(faults)
    await expect(client.map('points')).rejects.toMatchObject(gone)
    // Once it is said that what was written last may be lost, everything is given back.
    await expect(client.close()).rejects.toMatchObject(gone)
    await client.close()
    expect(view.length).toBe(0)
  })
})
