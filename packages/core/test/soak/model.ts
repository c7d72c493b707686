// The model test: several threads do random things to several regions that share one small buffer,
// and every byte is compared with plain memory. What each thread does follows from the seed. Which
// stores the regions map is the caller's choice.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { PageBuffer, type Region, umap } from '@umap/core'
import { durableBytes, type ModelStores, type ModelSubject, prepareSubject } from './model-store.ts'
import { Random } from './random.mjs'

/** Options of {@link runModel}. */
export interface ModelOptions {
  readonly seed: number
  readonly durationMs: number
  readonly stores: ModelStores
  /** Steps of each thread in one round. Default 400. */
  readonly stepsPerRound?: number
  /** Called after each round. */
  readonly onRound?: (summary: ModelSummary) => void
}

/** What a run has done so far. */
export interface ModelSummary {
  readonly rounds: number
  readonly steps: number
  readonly faults: number
  readonly writeBacks: number
  readonly evictions: number
}

const threadCount = 3
const pageSizes = [4096, 4096, 16384, 65536, 2 ** 18]
const bufferBytes = 2 ** 21

/** Runs until the time is over. Rejects with the first byte that is wrong; the seed repeats it. */
export async function runModel(options: ModelOptions): Promise<ModelSummary> {
  const { seed, durationMs, stores, stepsPerRound = 400, onRound } = options
  const random = new Random(seed)
  const folder = mkdtempSync(path.join(tmpdir(), 'umap-model-'))
  const threads: Worker[] = []
  const total = { rounds: 0, steps: 0, faults: 0, writeBacks: 0, evictions: 0 }
  try {
    const subjects: ModelSubject[] = []
    for (const store of await stores(random, folder)) {
      subjects.push(await prepareSubject(store, random))
    }
    // Now, for a thread has the environment of the moment at which it starts.
    for (let thread = 0; thread < threadCount; thread++) {
      threads.push(startThread(thread))
    }
    const endMs = performance.now() + durationMs
    // A run in which nothing was written back or evicted shows nothing.
    const isEmpty = () => total.writeBacks === 0 || total.evictions === 0
    while (performance.now() < endMs || isEmpty()) {
      const stats = await runRound({ random, subjects, threads, stepsPerRound })
      total.rounds += 1
      total.steps += threadCount * stepsPerRound
      for (const { faults, writeBacks, evictions } of stats) {
        total.faults += faults
        total.writeBacks += writeBacks
        total.evictions += evictions
      }
      onRound?.(total)
    }
    return total
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Round {
  readonly random: Random
  readonly subjects: readonly ModelSubject[]
  readonly threads: readonly Worker[]
  readonly stepsPerRound: number
}

async function runRound({ random, subjects, threads, stepsPerRound }: Round) {
  using buffer = new PageBuffer({ bytes: bufferBytes })
  const opened: { region: Region; subject: ModelSubject; base: number }[] = []
  for (const subject of subjects) {
    opened.push(await open(random, subject, buffer))
    subject.store.disturb?.(random)
  }
  const regions = opened.map(({ region, subject, base }) => ({
    handle: region.handle,
    name: subject.store.name,
    durableRef: subject.durableRef,
    base,
    expected: subject.expected,
  }))
  const answers = threads.map((thread) => {
    thread.postMessage({ regions, seed: random.integer(2 ** 32), steps: stepsPerRound })
    return answerOf(thread)
  })
  await Promise.all(answers)
  const rounds = threads.map(answerOf)
  // Some regions are closed here while the threads go on with them.
  const early = opened.filter(() => random.chance(0.3))
  const closedEarly = early.map(({ region }) => closePatiently(region))
  await Promise.all([...rounds, ...closedEarly])
  await Promise.all(opened.map(({ region }) => closePatiently(region)))
  for (const subject of subjects) {
    await compareStore(subject)
  }
  const { residentBytesMax } = buffer.stats()
  if (residentBytesMax > bufferBytes) {
    throw new Error(`the buffer held ${residentBytesMax} bytes, its budget is ${bufferBytes}`)
  }
  return opened.map(({ region }) => region.stats())
}

async function open(random: Random, subject: ModelSubject, buffer: PageBuffer) {
  const pageBytes = random.pick(pageSizes)
  const base = random.integer(3) * pageBytes
  const rest = subject.expected.byteLength - base
  const byteLength = random.chance(0.5) ? rest : rest - random.integer(rest / 8)
  const window = { offset: base, byteLength }
  const store = subject.store.ref
  const region = await umap({ store, access: 'read-write', pageBytes, buffer, ...window })
  region.on('error', () => undefined)
  return { region, subject, base }
}

/** Repeats a close for as long as the store says that this may help. */
async function closePatiently(region: Region): Promise<void> {
  for (;;) {
    try {
      return await region.close()
    } catch (error) {
      if ((error as { cause?: { retryable?: boolean } }).cause?.retryable !== true) {
        throw error
      }
    }
  }
}

async function compareStore(subject: ModelSubject): Promise<void> {
  const wanted = new Uint8Array(subject.expected)
  const found = await durableBytes(subject)
  if (Buffer.compare(wanted, found) === 0) {
    return
  }
  const at = wanted.findIndex((byte, index) => byte !== found[index])
  throw new Error(
    `${subject.store.name} has ${found.byteLength} bytes of ${wanted.byteLength}; after close byte ${at} is ` +
      `${found[at]}, not ${wanted[at]}`,
  )
}

async function answerOf(thread: Worker): Promise<void> {
  const [answer] = (await once(thread, 'message')) as [{ failure?: string }]
  if (answer.failure !== undefined) {
    throw new Error(answer.failure)
  }
}

function startThread(thread: number): Worker {
  const workerData = { thread, threadCount }
  return new Worker(new URL('./model-thread.mjs', import.meta.url), { workerData, execArgv: [] })
}
