// Writers are killed with SIGKILL at random moments of write-back and flush, one after the other on
// the same data set. What is found each time is exactly the state of some completed flush: of the
// last one that was reported, or of one whose report was lost. `UMAP_TEST_KILLS` kills more.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openStore, type S3StoreOptions } from '@umap/store-s3'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { useFake } from '../fake/use-fake.ts'
import { s3TestServer } from '../server/s3-server.ts'
import { expectBytes } from './data-sets.ts'
import { byteLength, chunkBytes, hashOf, stateOf } from './generations.mjs'

const seed = Number(process.env.UMAP_TEST_SEED ?? Date.now() % 2 ** 31)
const kills = Number(process.env.UMAP_TEST_KILLS ?? 25)
const program = fileURLToPath(new URL('programs/killed-writer.mjs', import.meta.url))
const server = await s3TestServer()

// One that has loaded its modules and waits for its plan.
class Writer {
  readonly #child: ChildProcess
  readonly #said: string[] = []
  readonly #ended: Promise<unknown>
  #stderr = ''
  #heard: (() => void) | undefined

  constructor() {
    // The SDK warns of Node 20.
    const execArgv = ['--no-warnings']
    this.#child = fork(program, [], { execArgv, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.#ended = once(this.#child, 'close').then(() => this.#heard?.())
    const { stdout, stderr } = this.#child
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    createInterface({ input: stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.#said.push(line)
      this.#heard?.()
    })
  }

  async start(plan: object): Promise<void> {
    await this.#until(() => this.#said.includes('ready'))
    this.#child.send(plan)
    await this.#until(() => this.#said.includes('opened'))
  }

  // Resolves when it has flushed `count` more generations.
  async flushes(count: number): Promise<void> {
    const isFlush = (line: string): boolean => line.startsWith('flushed')
    await this.#until(() => this.#said.filter(isFlush).length >= count)
  }

  // Returns the last generation that it reported as flushed.
  async kill(): Promise<number> {
    this.#child.kill('SIGKILL')
    await this.#ended
    expect(this.#stderr.replace(/^umap: .*\n/gm, '')).toBe('')
    return Number(this.#said.findLast((line) => line.startsWith('flushed'))?.slice(8) ?? 0)
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`the writer ended by itself: ${this.#said.at(-1)} ${this.#stderr}`)
      }
      await new Promise<void>((resolve) => {
        this.#heard = resolve
      })
    }
  }
}

async function readState(options: S3StoreOptions): Promise<Buffer> {
  await using store = (await openStore(options, { access: 'read-only' })) as Awaited<
    ReturnType<typeof openStore>
  > &
    AsyncDisposable
  const state = Buffer.alloc(byteLength)
  const { signal } = new AbortController()
  return (await store.read(0, state, { signal })) === 'hole' ? state.fill(0) : state
}

async function killOften(count: number, options: S3StoreOptions, throughUmap: boolean) {
  const made = { ...options, create: true, byteLength, chunkBytes }
  await (await openStore(made, { access: 'read-write' })).close()
  // The killed leave what they staged, for an hour.
  const stagingDirectory = mkdtempSync(path.join(tmpdir(), 'umap-killed-'))
  onTestFinished(() => rmSync(stagingDirectory, { recursive: true, force: true }))
  const wishes = { ...options, readerGraceMs: 0, stagingBytes: 4 * chunkBytes, stagingDirectory }
  let atGeneration = 0
  let generationMs = 0
  let next = new Writer()
  try {
    for (let kill = 1; kill <= count; kill++) {
      const writer = next
      await writer.start({ options: wishes, seed, throughUmap })
      next = new Writer()
      // Somewhere in the first generation that it writes, in the second or in the third.
      const startMs = performance.now()
      const flushCount = kill === 1 ? 2 : hashOf(seed, kill, 1) % 3
      await writer.flushes(flushCount)
      generationMs = flushCount === 0 ? generationMs : (performance.now() - startMs) / flushCount
      const delayMs = (generationMs * (hashOf(seed, kill, 2) % 1000)) / 1000
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      const flushed = await writer.kill()
      const state = await readState(options)
      const generation = state.readUInt32LE()
      expect(generation).toBeGreaterThanOrEqual(Math.max(atGeneration, flushed))
      expectBytes(state, stateOf(seed, generation))
      atGeneration = generation
    }
  } finally {
    await next.kill()
  }
  await expectOnlyWhatIsUsed(wishes, atGeneration)
}

// Two flushes: the first retires what the killed left behind, the second deletes it.
async function expectOnlyWhatIsUsed(options: S3StoreOptions, generation: number): Promise<void> {
  const store = await openStore(options, { access: 'read-write' })
  const { signal } = new AbortController()
  const state = stateOf(seed, generation)
  for (const value of [1, 2]) {
    state[5000] = value
    await store.write?.(0, state.subarray(0, 8192), { signal })
    await store.flush?.()
  }
  await store.close()
  expectBytes(await readState(options), state)
}

function chunksWithBytes(state: Buffer): number {
  let count = 0
  for (let offset = 0; offset < state.byteLength; offset += chunkBytes) {
    count += state.subarray(offset, offset + chunkBytes).some((byte) => byte !== 0) ? 1 : 0
  }
  return count
}

describe(`writers that are killed (UMAP_TEST_SEED=${seed})`, () => {
  const fake = useFake()
  const timeout = 20_000 + kills * 5_000

  it('leave-the-state-of-a-completed-flush', { timeout }, async () => {
    const options = { bucket: 'b', prefix: 'killed', client: fake.clientOptions }
    await killOften(Math.ceil(kills * 0.6), options, false)
    const state = await readState(options)
    expect(fake.s3.keys('b', 'killed/chunks/')).toHaveLength(chunksWithBytes(state))
    // A probe may have been under way; it goes with an opening that comes an hour later.
    const objects = fake.s3.keys('b', 'killed/').filter((key) => !key.includes('/probe/'))
    expect(objects).toHaveLength(chunksWithBytes(state) + 1)
  })

  it('leave-it-under-a-region-with-a-small-buffer-too', { timeout }, async () => {
    const options = { bucket: 'b', prefix: 'mapped', client: fake.clientOptions }
    await killOften(Math.ceil(kills * 0.2), options, true)
  })
})

// skipped: there is no S3 server
describe.skipIf(server === undefined)(`on a real server (UMAP_TEST_SEED=${seed})`, () => {
  let bucket = ''
  beforeAll(async () => {
    bucket = (await server?.makeBucket()) ?? ''
  })
  afterAll(() => server?.close())

  it('killed-writers-leave-the-state-of-a-completed-flush', { timeout: 120_000 }, async () => {
    const options = { bucket, prefix: 'killed', client: server?.clientOptions ?? {} }
    await killOften(Math.ceil(kills * 0.2), options, false)
  })
})
