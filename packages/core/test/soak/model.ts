// The model test: several threads do random things to several regions that share one small buffer,
// and every byte is compared with plain memory. What each thread does follows from the seed.

import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { PageBuffer, type Region, umap } from '@umap/core'
import { type StoreRef, storeRef } from '@umap/store'
import { fileStore } from '@umap/store-file'
import { faultyStoreOptions, slot } from '../stores/faulty-store.mjs'
import { Random } from './random.mjs'

/** Options of {@link runModel}. */
export interface ModelOptions {
  readonly seed: number
  readonly durationMs: number
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

/** A store of the run, and the memory that says what its bytes must be. */
interface Subject {
  readonly name: string
  readonly ref: StoreRef
  readonly expected: SharedArrayBuffer
  /** The file behind it, where there is one. */
  readonly file?: string
  /** Reads the store's bytes past the engine. */
  contents(): Uint8Array
  /** Makes the next few calls fail in a way that the engine has to repeat. */
  disturb(random: Random): void
}

const threadCount = 3
const stepsPerRound = 400
const pageSizes = [4096, 4096, 16384, 65536, 2 ** 18]
const bufferBytes = 2 ** 21

/** Runs until the time is over. Rejects with the first byte that is wrong; the seed repeats it. */
export async function runModel({ seed, durationMs, onRound }: ModelOptions): Promise<ModelSummary> {
  const random = new Random(seed)
  const folder = mkdtempSync(path.join(tmpdir(), 'umap-model-'))
  const subjects = makeSubjects(random, folder)
  const threads = Array.from({ length: threadCount }, (_, thread) => startThread(thread))
  const total = { rounds: 0, steps: 0, faults: 0, writeBacks: 0, evictions: 0 }
  const endMs = performance.now() + durationMs
  try {
    while (performance.now() < endMs) {
      const stats = await runRound(random, subjects, threads)
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

async function runRound(random: Random, subjects: readonly Subject[], threads: readonly Worker[]) {
  using buffer = new PageBuffer({ bytes: bufferBytes })
  const opened: { region: Region; subject: Subject; base: number }[] = []
  for (const subject of subjects) {
    opened.push(await open(random, subject, buffer))
    subject.disturb(random)
  }
  const regions = opened.map(({ region, subject, base }) => ({
    handle: region.handle,
    name: subject.name,
    file: subject.file,
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
    compareStore(subject)
  }
  const { residentBytesMax } = buffer.stats()
  if (residentBytesMax > bufferBytes) {
    throw new Error(`the buffer held ${residentBytesMax} bytes, its budget is ${bufferBytes}`)
  }
  return opened.map(({ region }) => region.stats())
}

async function open(random: Random, subject: Subject, buffer: PageBuffer) {
  const pageBytes = random.pick(pageSizes)
  const base = random.integer(3) * pageBytes
  const rest = subject.expected.byteLength - base
  const byteLength = random.chance(0.5) ? rest : rest - random.integer(rest / 8)
  const window = { offset: base, byteLength }
  const store = subject.ref
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

function compareStore({ name, expected, contents }: Subject): void {
  const wanted = new Uint8Array(expected)
  const found = contents()
  if (Buffer.compare(wanted, found) === 0) {
    return
  }
  const at = wanted.findIndex((byte, index) => byte !== found[index])
  throw new Error(
    `${name} has ${found.byteLength} bytes of ${wanted.byteLength}; after close byte ${at} is ` +
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

function makeSubjects(random: Random, folder: string): Subject[] {
  const byteLength = () => 2 ** 20 + random.integer(2 ** 20)
  return [
    fileSubject('a file', path.join(folder, 'buffered'), byteLength(), false, random),
    fileSubject('a file with O_DIRECT', path.join(folder, 'direct'), byteLength(), true, random),
    faultySubject('a store in the host', byteLength(), random),
    faultySubject('another store in the host', byteLength(), random),
  ]
}

function fileSubject(
  name: string,
  file: string,
  byteLength: number,
  direct: boolean,
  random: Random,
): Subject {
  const expected = randomBytes(byteLength, random)
  writeFileSync(file, new Uint8Array(expected))
  const ref = { ...fileStore({ path: file, direct }), nativeFd: true } as StoreRef
  return { name, ref, expected, file, contents: () => readFileSync(file), disturb() {} }
}

function faultySubject(name: string, byteLength: number, random: Random): Subject {
  const { options, data, control } = faultyStoreOptions(byteLength)
  const expected = randomBytes(byteLength, random)
  data.set(new Uint8Array(expected))
  const url = new URL('../stores/faulty-store.mjs', import.meta.url)
  return {
    name,
    ref: storeRef(url, options),
    expected,
    contents: () => data,
    disturb(source) {
      Atomics.store(control, slot.retryable, 1)
      Atomics.store(control, slot.readsToFail, source.integer(3))
      Atomics.store(control, slot.writesToFail, source.integer(3))
    },
  }
}

function randomBytes(byteLength: number, random: Random): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(byteLength)
  const bytes = new Uint8Array(memory)
  for (let index = 0; index < byteLength; index++) {
    bytes[index] = random.integer(256)
  }
  return memory
}
