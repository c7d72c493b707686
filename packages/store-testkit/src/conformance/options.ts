// The options of the conformance suite, and their check at the line of the caller. Opens nothing.

import type { PageStore, StoreAccess, StoreSource } from '@umap/store'

/** One data set that a test works on. Every test has its own. */
export interface ConformanceDataSet {
  /** Different for each test of each run; letters, digits and '-', so it fits a file name. */
  readonly id: string
  /**
   * The size in bytes that suits the tests: several pages and a tail that is no whole page. A store
   * that has another size keeps it, as long as there are {@link conformancePagesMin} pages.
   */
  readonly byteLength: number
  /** How the store is to be opened. One that can only be read ignores 'read-write'. */
  readonly access: StoreAccess
}

/** The functions of a test runner, as vitest, node:test and mocha have them. */
export interface ConformanceTestRunner {
  describe(name: string, define: () => void): unknown
  it(name: string, run: (...context: unknown[]) => Promise<void>, timeoutMs?: number): unknown
}

/** Options of {@link runStoreConformance}. */
export interface ConformanceOptions {
  /** `{ describe, it }` of the test runner. */
  readonly test: ConformanceTestRunner
  /** Names the store in the report. Default 'store'. */
  readonly name?: string
  /**
   * Makes the data set and opens it. A store of its own for each test is best, never written
   * before; one and the same data set for all tests works too, for a test closes what it opened.
   */
  open(dataSet: ConformanceDataSet): PageStore | Promise<PageStore>
  /** Opens the data set of the last `open` again, which is closed by then, with `access`. */
  reopen(dataSet: ConformanceDataSet): PageStore | Promise<PageStore>
  /**
   * A reference to the data set of the last `open`, which can be opened in another process: the
   * tests that kill a store need it. Without it they are skipped.
   */
  ref?(dataSet: ConformanceDataSet): StoreSource
  /** Called when a test has ended, failed ones included: removes the data set. */
  remove?(dataSet: ConformanceDataSet): void | Promise<void>
  /** The bytes, for a store that is only read: all of them, or the first ones. */
  readonly contents?: Uint8Array
  /**
   * The page size of the engine that calls keep to, a power of two from 512 on. Default 4096.
   */
  readonly pageBytes?: number
  /**
   * The size that data sets are asked to have. Several chunks of a store that keeps chunks, and no
   * multiple of `pageBytes`. Default 64 pages and 1237 bytes.
   */
  readonly byteLength?: number
  /** How long one call of the store may take until it counts as hung. Default 10000. */
  readonly deadlineMs?: number
  /** How often the tests that kill a store do it; each takes a process. Default 6. */
  readonly kills?: number
  /** Texts that must be in no error, such as the credentials that the store was opened with. */
  readonly secrets?: readonly string[]
  /** Fixes what looks random. Default: a new one, which a failure names. */
  readonly seed?: number
}

/** Pages that a data set must have at least. */
export const conformancePagesMin = 16

/** The options with their defaults. */
export interface CheckedOptions extends ConformanceOptions {
  readonly name: string
  readonly pageBytes: number
  readonly byteLength: number
  readonly deadlineMs: number
  readonly kills: number
  readonly seed: number
}

/** Fills in defaults. Throws a `TypeError` or `RangeError` that names the option. */
export function checkOptions(options: ConformanceOptions): CheckedOptions {
  if (options === null || typeof options !== 'object') {
    throw new TypeError(`runStoreConformance takes an object, not ${options}`)
  }
  const { test } = options
  if (typeof test?.describe !== 'function' || typeof test.it !== 'function') {
    throw new TypeError('test must have the functions describe and it of a test runner')
  }
  for (const name of ['open', 'reopen'] as const) {
    requireFunction(name, options[name])
  }
  for (const name of ['ref', 'remove'] as const) {
    if (options[name] !== undefined) {
      requireFunction(name, options[name])
    }
  }
  refuseUnknownNames(options)
  const pageBytes = options.pageBytes ?? 4096
  if (
    !Number.isSafeInteger(pageBytes) ||
    pageBytes < 512 ||
    !Number.isInteger(Math.log2(pageBytes))
  ) {
    throw new RangeError(`pageBytes must be a power of two from 512 on, not ${pageBytes}`)
  }
  const checked = {
    ...options,
    name: options.name ?? 'store',
    pageBytes,
    byteLength: options.byteLength ?? 64 * pageBytes + 1237,
    deadlineMs: options.deadlineMs ?? 10_000,
    kills: options.kills ?? 6,
    seed: options.seed ?? Date.now() % 2 ** 32,
  }
  requireInteger('byteLength', checked.byteLength, conformancePagesMin * pageBytes)
  requireInteger('deadlineMs', checked.deadlineMs, 1)
  requireInteger('kills', checked.kills, 1)
  requireInteger('seed', checked.seed, 0)
  return checked
}

const optionNames: readonly string[] = [
  'test',
  'name',
  'open',
  'reopen',
  'ref',
  'remove',
  'contents',
  'secrets',
  'pageBytes',
  'byteLength',
  'deadlineMs',
  'kills',
  'seed',
]

function refuseUnknownNames(options: object): void {
  const unknown = Object.keys(options).find((name) => !optionNames.includes(name))
  if (unknown !== undefined) {
    throw new TypeError(`unknown option ${unknown}; there are ${optionNames.join(', ')}`)
  }
}

function requireFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') {
    throw new TypeError(`${name} must be a function, not ${typeof value}`)
  }
}

function requireInteger(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new RangeError(`${name} must be a safe integer from ${min} on, not ${value}`)
  }
}
