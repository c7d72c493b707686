// Clients of a supervised server: what they wrote when its process dies, when it ends, and when it
// does not come back.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { UmapError } from '@umap/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Client, connect } from '../dist/index.js'
import { scratch } from './scratch.ts'
import { descriptorsOf, Supervised, until } from './supervised.ts'

const place = scratch()
const moodyStore = fileURLToPath(new URL('./stores/moody-store.mjs', import.meta.url))
const bytes = 2 ** 20
const pageBytes = 4096

/** A server of one read-write data set, in a folder of its own. */
function setUp(makeStore: (folder: string) => object): { server: Supervised; folder: string } {
  const folder = place('serve')
  mkdirSync(folder)
  const dataset = { store: makeStore(folder), access: 'read-write', pageBytes }
  // A quarter of the data set, so that pages are written back and read again all the time.
  const config = { buffer: { bytes: bytes / 4 }, datasets: { points: dataset } }
  return { server: new Supervised(folder, config), folder }
}

/** A store of zeros in the file `data`. */
function zeros(folder: string): object {
  const file = path.join(folder, 'data')
  writeFileSync(file, Buffer.alloc(bytes))
  return { module: '@umap/store-file', options: { path: file } }
}

/** A store that does what the file `mood` says. */
function moody(folder: string): object {
  const moodFile = path.join(folder, 'mood')
  writeFileSync(moodFile, 'open')
  return { module: moodyStore, options: { moodFile } }
}

/** A client that is closed when the test is over. */
async function connected(server: Supervised): Promise<Client> {
  const client = await connect(server.socket)
  onTestFinished(() => client.close().catch(() => undefined))
  return client
}

async function mapped(client: Client) {
  const region = await client.map('points', { access: 'read-write' })
  const told = new Promise<UmapError>((resolve) => region.once('error', resolve))
  return { region, told, words: region.view(Uint32Array) }
}

describe('clients of a server whose process is killed', () => {
  it('go on, with every word that any of them had written', async () => {
    const { server, folder } = setUp(zeros)
    await server.listening()
    const [one, other] = [await connected(server), await connected(server)]
    const { words } = await mapped(one)
    const { words: same } = await mapped(other)
    for (let round = 1; round <= 5; round++) {
      for (let index = 0; index < words.length; index += 64)
        words[index] = round * 1_000_000 + index
      process.kill(server.servers()[0] as number, 'SIGKILL')
      // Touches wait for the next server process, and find what was written before.
      for (let index = 0; index < same.length; index += 64) {
        if (same[index] !== round * 1_000_000 + index)
          expect.fail(`word ${index} is ${same[index]}`)
      }
      await until(() => server.stderr.split('has taken over').length === round + 1, 'taken over')
    }
    await one.close()
    await other.close()
    server.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
    const stored = new Uint32Array(new Uint8Array(readFileSync(path.join(folder, 'data'))).buffer)
    expect(stored[64]).toBe(5_000_064)
    expect(stored.at(-64)).toBe(5_000_000 + stored.length - 64)
  })

  it('are told when no other one comes, and do not wait for ever', async () => {
    const { server, folder } = setUp(moody)
    await server.listening()
    const { region, told, words } = await mapped(await connected(server))
    words[0] = 1
    writeFileSync(path.join(folder, 'mood'), 'die')
    process.kill(server.servers()[0] as number, 'SIGKILL')
    expect((await told).code).toBe('UMAP_SERVER_GONE')
    expect((await server.ended).code).toBe(1)
    await expect(region.flush()).rejects.toMatchObject({ code: 'UMAP_SERVER_GONE' })
  })
})

describe('a supervised server that ends', () => {
  it('writes back what no client had flushed', async () => {
    const { server, folder } = setUp(zeros)
    await server.listening()
    const { words, told } = await mapped(await connected(server))
    for (let index = 0; index < words.length; index += 512) words[index] = index + 1
    server.kill('SIGTERM')
    expect((await told).code).toBe('UMAP_SERVER_GONE')
    expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(server.stderr).toBe('')
    const stored = readFileSync(path.join(folder, 'data'))
    for (let index = 0; index < bytes / 4; index += 512) {
      expect(stored.readUInt32LE(index * 4)).toBe(index + 1)
    }
  })

  it('writes back what clients of a server that died had written, where no client is left', async () => {
    const { server, folder } = setUp(zeros)
    await server.listening()
    const client = await connected(server)
    const { words } = await mapped(client)
    words[7] = 77
    await client.close()
    process.kill(server.servers()[0] as number, 'SIGKILL')
    await server.says('another one takes over')
    server.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
    expect(readFileSync(path.join(folder, 'data')).readUInt32LE(28)).toBe(77)
  })

  it('says what is not written, and fails, where its store refuses', async () => {
    const { server, folder } = setUp(moody)
    await server.listening()
    const client = await connected(server)
    const { words } = await mapped(client)
    words[0] = 1
    writeFileSync(path.join(folder, 'mood'), 'fail')
    server.kill('SIGTERM')
    expect(await server.ended).toEqual({ code: 1, signal: null })
    expect(server.stderr).toMatch(
      /umap: not written back: data set 'points': .*the disk is on fire \(4096 bytes of it are/,
    )
    expect(existsSync(server.socket)).toBe(false)
  })

  it('is ended by a second signal where its store hangs', async () => {
    const { server, folder } = setUp(moody)
    await server.listening()
    const { words, told } = await mapped(await connected(server))
    words[0] = 1
    writeFileSync(path.join(folder, 'mood'), 'hang')
    server.kill('SIGTERM')
    await until(() => !existsSync(server.socket), 'it closes')
    server.kill('SIGTERM')
    expect(await server.ended).toEqual({ code: 1, signal: null })
    expect(server.stderr).toContain('ended at once: what was not written back is lost')
    await told
  })

  it('leaves nothing of it in a client that closes', async () => {
    const held = () => descriptorsOf('self').filter((name) => /memfd:umap|userfaultfd/.test(name))
    const before = held().length
    const { server } = setUp(zeros)
    await server.listening()
    const client = await connected(server)
    const { words } = await mapped(client)
    words[0] = 1
    expect(held().length).toBeGreaterThan(before)
    await client.close()
    server.kill('SIGTERM')
    await server.ended
    await until(() => held().length <= before, 'the client has given everything back')
  })
})
