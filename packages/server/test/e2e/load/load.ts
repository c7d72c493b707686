// The load of the tests in which processes are killed: owners that write and check, started again
// when they were killed, and what must be true of the data when all have ended.

import { randomInt } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { programPath, type Running, startNode } from '../processes.ts'
import {
  counterWord,
  ownersMax,
  Plan,
  pageBytes,
  patternAt,
  patternWord,
  wordsPerPage,
} from './plan.mjs'

/** What the load does. */
export interface LoadOptions {
  readonly directory: string
  readonly socket: string
  readonly seed: number
  /** Of the data sets, each of `pagesPerDataset` pages. */
  readonly names: readonly string[]
  readonly pagesPerDataset: number
  readonly serverTimeoutMs?: number
}

/** The seed of this run, printed, or the one that the environment gives. */
export function testSeed(name: string): number {
  const seed = Number(process.env.UMAP_SERVER_SEED ?? randomInt(2 ** 31))
  console.log(`${name}: repeat with UMAP_SERVER_SEED=${seed}`)
  return seed
}

/** What one data set holds before the load. */
export function firstBytes(dataset: number, pagesPerDataset: number): Uint8Array {
  const words = new Float64Array(pagesPerDataset * wordsPerPage)
  for (let page = 0; page < pagesPerDataset; page++) {
    for (let word = patternWord; word < wordsPerPage; word++) {
      words[page * wordsPerPage + word] = patternAt(dataset * pagesPerDataset + page, word)
    }
  }
  return new Uint8Array(words.buffer)
}

/** Eight owners. */
export class Load {
  readonly #options: LoadOptions
  readonly #notes: string[]
  readonly #owners: Running[]
  #kills = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.#notes = Array.from({ length: ownersMax }, (_, owner) =>
      path.join(options.directory, `steps-${owner}`),
    )
    for (const file of this.#notes) writeFileSync(file, new Uint8Array(8))
    this.#owners = this.#notes.map((_, owner) => this.#start(owner))
  }

  /** Owners that were killed so far. */
  get kills(): number {
    return this.#kills
  }

  /** Steps that all owners have noted. */
  get steps(): number {
    return this.#notes.reduce((sum, _, owner) => sum + this.#stepsOf(owner), 0)
  }

  /** Resolves when every owner has mapped its data sets. */
  async ready(): Promise<void> {
    await Promise.all(this.#owners.map((owner) => owner.prints(/^ready$/m)))
  }

  /** Kills an owner at whatever it is doing, and starts the next one in its place. */
  async kill(owner: number): Promise<void> {
    const victim = this.#owners[owner] as Running
    victim.child.kill('SIGKILL')
    const { signal } = await victim.ended
    expect(signal, victim.text()).toBe('SIGKILL')
    expect(victim.text()).not.toContain('wrong')
    this.#kills += 1
    this.#owners[owner] = this.#start(owner)
  }

  /** Fails where an owner has ended by itself, with what it said. */
  check(): void {
    for (const { child, text } of this.#owners) {
      expect(child.exitCode, text()).toBe(null)
    }
  }

  /** Lets every owner finish. */
  async end(): Promise<void> {
    for (const { child } of this.#owners) child.stdin?.end()
    for (const owner of this.#owners) {
      const { code, signal } = await owner.ended
      expect({ code, signal }, owner.text()).toEqual({ code: 0, signal: null })
      expect(owner.text()).toMatch(/^done \d+$/m)
    }
  }

  /** Checks every byte of the data sets, as a store has them or a region shows them. */
  verify(datasets: readonly Uint8Array[]): void {
    const { seed, names, pagesPerDataset } = this.#options
    const plans = this.#notes.map(
      (_, owner) => new Plan({ seed, owner, datasets: names.length, pagesPerDataset }),
    )
    const steps = this.#notes.map((_, owner) => this.#stepsOf(owner))
    let counted = 0
    const wrong: string[] = []
    datasets.forEach((bytes, dataset) => {
      expect(bytes.byteLength).toBe(pagesPerDataset * pageBytes)
      const words = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8)
      const counters = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
      for (let local = 0; local < pagesPerDataset; local++) {
        const page = dataset * pagesPerDataset + local
        const base = local * wordsPerPage
        counted += counters[(base + counterWord) * 2] as number
        for (let owner = 0; owner < ownersMax; owner++) {
          const expected = (plans[owner] as Plan).valueAfter(steps[owner] as number, page)
          const value = words[base + owner]
          if (value !== expected)
            wrong.push(`page ${page} owner ${owner}: ${value}, not ${expected}`)
        }
        for (let word = patternWord; word < wordsPerPage; word++) {
          if (words[base + word] !== patternAt(page, word)) {
            wrong.push(`page ${page} word ${word}: ${words[base + word]}`)
          }
        }
      }
    })
    expect(wrong.slice(0, 20), `${wrong.length} wrong, seed ${seed}`).toEqual([])
    // A step that a kill came between is counted twice at most.
    const total = steps.reduce((sum, count) => sum + count, 0)
    expect(counted).toBeGreaterThanOrEqual(total)
    expect(counted).toBeLessThanOrEqual(total + this.#kills)
  }

  #stepsOf(owner: number): number {
    const bytes = new Uint8Array(readFileSync(this.#notes[owner] as string))
    return new Float64Array(bytes.buffer)[0] as number
  }

  #start(owner: number): Running {
    const { socket, seed, names, pagesPerDataset, serverTimeoutMs = 60_000 } = this.#options
    const notes = this.#notes
    const options = { owner, socket, seed, names, pagesPerDataset, notes, serverTimeoutMs }
    return startNode(programPath('load/owner.mjs'), [JSON.stringify(options)])
  }
}
