// Kills writers with SIGKILL at random moments of write-back and flush, one after the other on the
// same data set and on several data sets at once. What is found each time is exactly the state of
// some completed flush: of the last one that was reported, or of one whose report was lost.
// `UMAP_TEST_KILLS` is another number of kills than 200.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openStore, type S3ClientOptions, type S3StoreOptions } from '@umap/store-s3'
import { expect } from 'vitest'
import { expectBytes } from './data-sets.ts'
import { byteLength, chunkBytes, hashOf, stateOf } from './generations.mjs'

/** What the writers write, and when they die, follows from it. */
export const seed = Number(process.env.UMAP_TEST_SEED ?? Date.now() % 2 ** 31)
/** How many writers die, in all tests together. */
export const kills = Number(process.env.UMAP_TEST_KILLS ?? 200)
const program = fileURLToPath(new URL('programs/killed-writer.mjs', import.meta.url))
// Data sets at once: a writer waits for its server most of the time.
const lanes = 4

const compileCache = path.join(tmpdir(), 'umap-killed-modules')

/** What the writers write to. */
export type Target = 'store' | 'region'

// One that has loaded its modules and waits for its plan.
class Writer {
  readonly #child: ChildProcess
  readonly #said: string[] = []
  readonly #ended: Promise<unknown>
  #stderr = ''
  #heard: (() => void) | undefined

  constructor(target: Target) {
    this.#child = fork(program, [target], {
      // The SDK warns of Node 20.
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Most of what a writer costs is to load its modules.
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    })
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

/** The bytes of a data set. */
export async function readState(options: S3StoreOptions): Promise<Buffer> {
  await using store = (await openStore(options, { access: 'read-only' })) as Awaited<
    ReturnType<typeof openStore>
  > &
    AsyncDisposable
  const state = Buffer.alloc(byteLength)
  const { signal } = new AbortController()
  return (await store.read(0, state, { signal })) === 'hole' ? state.fill(0) : state
}

/** Kills `count` writers, on data sets `${prefix}-0` and so on, and returns those. */
export async function killOften(
  count: number,
  where: { bucket: string; prefix: string; client: S3ClientOptions },
  target: Target,
): Promise<S3StoreOptions[]> {
  const dataSets = Array.from({ length: lanes }, (_, lane) => ({
    bucket: where.bucket,
    prefix: `${where.prefix}-${lane}`,
    client: where.client,
  }))
  await Promise.all(
    dataSets.map((options, lane) => killOn(options, lane, Math.ceil(count / lanes), target)),
  )
  return dataSets
}

async function killOn(options: S3StoreOptions, lane: number, count: number, target: Target) {
  const made = { ...options, create: true, byteLength, chunkBytes }
  await (await openStore(made, { access: 'read-write' })).close()
  // The killed leave what they staged, for an hour.
  const stagingDirectory = mkdtempSync(path.join(tmpdir(), 'umap-killed-'))
  try {
    await killWriters({ options, stagingDirectory, lane, count, target })
  } finally {
    rmSync(stagingDirectory, { recursive: true, force: true })
  }
}

interface Killing {
  readonly options: S3StoreOptions
  readonly stagingDirectory: string
  readonly lane: number
  readonly count: number
  readonly target: Target
}

async function killWriters({ options, stagingDirectory, lane, count, target }: Killing) {
  const wishes = { ...options, readerGraceMs: 0, stagingBytes: 4 * chunkBytes, stagingDirectory }
  let atGeneration = 0
  let generationMs = 0
  let next = new Writer(target)
  try {
    for (let kill = 1; kill <= count; kill++) {
      const writer = next
      await writer.start({ options: wishes, seed })
      next = new Writer(target)
      // Somewhere in the first generation that it writes, in the second or in the third.
      const startMs = performance.now()
      const flushCount = kill === 1 ? 2 : hashOf(seed, kill, 1, lane) % 3
      await writer.flushes(flushCount)
      generationMs = flushCount === 0 ? generationMs : (performance.now() - startMs) / flushCount
      const delayMs = (generationMs * (hashOf(seed, kill, 2, lane) % 1000)) / 1000
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

/** How many chunks `state` must have. */
export function chunksWithBytes(state: Buffer): number {
  let count = 0
  for (let offset = 0; offset < state.byteLength; offset += chunkBytes) {
    count += state.subarray(offset, offset + chunkBytes).some((byte) => byte !== 0) ? 1 : 0
  }
  return count
}
