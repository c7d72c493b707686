// kill -9 at random points of write-back and flush, 200 times: the database is sound, and the data
// set is the state of the last flush that was reported, or of the one that was under way.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { apply, byteLength, generationsOf, pageBytes, pageCount } from './generations.mjs'
import { Random, testSeed } from './random.mjs'
import { describeSqlite, openStore, query } from './supported.ts'
import { temporaryDirectory } from './temporary-directory.ts'

// One in memory, where a kill seldom hits a wait for the disk; one on disk, where it mostly does.
const memory = '/dev/shm'
const newPath = temporaryDirectory()
const newMemoryPath = existsSync(memory) ? temporaryDirectory(memory) : newPath
const program = fileURLToPath(new URL('./programs/flush-until-killed.mjs', import.meta.url))

/** What one database has gone through. */
interface Victim {
  readonly file: string
  readonly seed: number
  readonly random: Random
  /** The generation of each page, and the last generation that was flushed. */
  state: Uint32Array
  flushed: number
}

async function makeVictim(file: string, seed: number): Promise<Victim> {
  await (await openStore({ path: file, create: true, byteLength, pageBytes })).close()
  return { file, seed, random: new Random(seed), state: new Uint32Array(pageCount), flushed: 0 }
}

const children = new Set<ChildProcess>()

/** Runs the program and kills it; returns the last generations that it began and ended to flush. */
async function killOnce(victim: Victim, mode: 'store' | 'region') {
  const { file, seed, flushed, random } = victim
  const args = [program, file, String(seed), String(flushed + 1), mode]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  // One in eight dies on its way to the first write, most of the others inside of a flush.
  const kind = random.below(8)
  const [line, delayMs] =
    kind === 0
      ? ['', random.below(120)]
      : kind < 4
        ? ['ready', random.below(40)]
        : [`flushing ${flushed + 1 + random.below(3)}`, random.below(6)]
  const kill = () => setTimeout(() => child.kill('SIGKILL'), delayMs)
  let timer = line === '' ? kill() : undefined
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    if (stdout.includes(line)) {
      timer ??= kill()
    }
  })
  children.add(child)
  const [code, signal] = await once(child, 'close')
  children.delete(child)
  clearTimeout(timer)
  expect(signal, `exit code ${code}: ${stderr}`).toBe('SIGKILL')
  const last = (word: string) =>
    Number([...stdout.matchAll(new RegExp(`^${word} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? flushed)
  return { began: last('flushing'), ended: last('flushed') }
}

/** What the data set holds, and that the database is sound, without carrying the log over. */
async function look(file: string): Promise<Uint32Array> {
  await using store = await openStore({ path: file }, { access: 'read-only' })
  const bytes = new Uint8Array(byteLength)
  if (store.read(0, bytes) === 'hole') {
    bytes.fill(0)
  }
  const sound = query(file, (db) => db.pragma('integrity_check', { simple: true }), true)
  expect(sound).toBe('ok')
  return generationsOf(bytes)
}

async function killTimes(victim: Victim, count: number, mode: 'store' | 'region') {
  const points = { idle: 0, flushing: 0, published: 0 }
  for (let kill = 0; kill < count; kill++) {
    const { began, ended } = await killOnce(victim, mode)
    while (victim.flushed < ended) {
      victim.flushed += 1
      apply(victim.state, victim.seed, victim.flushed)
    }
    const seen = await look(victim.file)
    const where = `${mode} ${kill}, seed ${victim.seed}: generation ${ended}, begun ${began}`
    if (began > ended && !seen.every((generation, page) => generation === victim.state[page])) {
      victim.flushed += 1
      apply(victim.state, victim.seed, victim.flushed)
      points.published += 1
    } else {
      points[began > ended ? 'flushing' : 'idle'] += 1
    }
    expect([...seen], where).toEqual([...victim.state])
  }
  return points
}

describeSqlite('kill -9', () => {
  it('leaves-exactly-the-state-of-a-flush-200-times', async () => {
    const seed = testSeed('kill -9')
    onTestFinished(() => {
      for (const child of children) child.kill('SIGKILL')
    })
    const [one, two] = await Promise.all([
      makeVictim(newMemoryPath(), seed),
      makeVictim(newPath(), seed + 1),
    ])
    const runs = await Promise.all([
      killTimes(one, 110, 'store'),
      killTimes(two, 70, 'store').then(() => killTimes(two, 20, 'region')),
    ])
    console.log('killed', runs, 'after generations', one.flushed, two.flushed)
    // It would prove nothing if all had died before they did anything.
    expect(one.flushed).toBeGreaterThan(90)
    // What the dead have left goes when the next writer comes.
    for (const { file } of [one, two]) {
      await (await openStore({ path: file })).close()
      const left = query(file, (db) =>
        db
          .prepare<[], number>(
            'SELECT (SELECT count(*) FROM umap_page_data) - (SELECT count(*) FROM umap_page)',
          )
          .pluck()
          .get(),
      )
      expect(left).toBe(0)
    }
  }, 300_000)
})
