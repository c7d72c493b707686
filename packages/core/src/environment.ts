// The environment variables of LLNL UMap, under their names, in their units, and UMAP_FAULTS. They
// override the defaults; an option that the program passes wins over them. Pure; any thread.

import type { FaultChoice } from '@umap/native'
import { show } from './check.ts'
import { checkPageBytes } from './page-bytes.ts'

/** What the environment says; a field is missing where its variable is not set. */
export interface EnvironmentDefaults {
  /** UMAP_PAGESIZE, bytes. */
  readonly pageBytes?: number
  /** UMAP_BUFSIZE, pages of UMAP_PAGESIZE. */
  readonly bufferPages?: number
  /** UMAP_PAGE_FILLERS, threads. */
  readonly fillers?: number
  /** UMAP_PAGE_EVICTORS, threads. */
  readonly evictors?: number
  /** UMAP_EVICT_HIGH_WATER_THRESHOLD, percent of the buffer. */
  readonly highWaterPercent?: number
  /** UMAP_EVICT_LOW_WATER_THRESHOLD, percent of the buffer. */
  readonly lowWaterPercent?: number
  /** UMAP_MAX_FAULT_EVENTS, messages that one read of the userfaultfd takes at most. */
  readonly faultEventsMax?: number
  /** UMAP_READ_AHEAD, pages; 0 turns read-ahead off. */
  readonly readAheadPages?: number
  /** UMAP_LOG_LEVEL as the engine's number: 1 ERROR, 2 WARNING, 3 INFO, 4 DEBUG. */
  readonly logLevel?: number
  /** UMAP_FAULTS, the way in which faults shall arrive. */
  readonly faults?: FaultChoice
}

type Environment = Readonly<Record<string, string | undefined>>

const threadCountMax = 256

/** The choices of `umap({ faults })` and UMAP_FAULTS, best first. */
export const faultChoices: readonly FaultChoice[] = ['auto', 'userfaultfd', 'signal', 'in-thread']

const logLevels: readonly string[] = ['ERROR', 'WARNING', 'INFO', 'DEBUG']

/**
 * Reads the variables. An empty one counts as not set.
 *
 * Throws a `RangeError` that names the variable and its value where that makes no sense.
 */
export function readEnvironment(env: Environment = process.env): EnvironmentDefaults {
  const defaults = {
    ...readPageBytes(env),
    ...readInteger(env, 'UMAP_BUFSIZE', 'bufferPages', 2, 2 ** 40),
    ...readInteger(env, 'UMAP_PAGE_FILLERS', 'fillers', 1, threadCountMax),
    ...readInteger(env, 'UMAP_PAGE_EVICTORS', 'evictors', 1, threadCountMax),
    ...readInteger(env, 'UMAP_EVICT_HIGH_WATER_THRESHOLD', 'highWaterPercent', 1, 100),
    ...readInteger(env, 'UMAP_EVICT_LOW_WATER_THRESHOLD', 'lowWaterPercent', 0, 99),
    ...readInteger(env, 'UMAP_MAX_FAULT_EVENTS', 'faultEventsMax', 1, 2 ** 16),
    ...readInteger(env, 'UMAP_READ_AHEAD', 'readAheadPages', 0, 2 ** 20),
    ...readLogLevel(env),
    ...readFaults(env),
  }
  checkWatermarks(defaults)
  return defaults
}

function readInteger<K extends keyof EnvironmentDefaults>(
  env: Environment,
  variable: string,
  field: K,
  min: number,
  max: number,
): Partial<Record<K, number>> {
  const text = env[variable]?.trim()
  if (text === undefined || text === '') {
    return {}
  }
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < min || value > max) {
    throw garbage(variable, text, `an integer from ${min} to ${max}`)
  }
  return { [field]: value } as Record<K, number>
}

function readPageBytes(env: Environment): { pageBytes?: number } {
  const { pageBytes } = readInteger(env, 'UMAP_PAGESIZE', 'pageBytes', 0, Number.MAX_SAFE_INTEGER)
  if (pageBytes === undefined) {
    return {}
  }
  return { pageBytes: checkPageBytes(pageBytes, 'the environment variable UMAP_PAGESIZE') }
}

function readLogLevel(env: Environment): { logLevel?: number } {
  const text = env.UMAP_LOG_LEVEL?.trim()
  if (text === undefined || text === '') {
    return {}
  }
  const index = logLevels.indexOf(text.toUpperCase())
  if (index < 0) {
    throw garbage('UMAP_LOG_LEVEL', text, logLevels.join(', '))
  }
  return { logLevel: index + 1 }
}

function readFaults(env: Environment): { faults?: FaultChoice } {
  const text = env.UMAP_FAULTS?.trim()
  if (text === undefined || text === '') {
    return {}
  }
  const faults = faultChoices.find((choice) => choice === text.toLowerCase())
  if (faults === undefined) {
    throw garbage('UMAP_FAULTS', text, faultChoices.join(', '))
  }
  return { faults }
}

function checkWatermarks({ highWaterPercent, lowWaterPercent }: EnvironmentDefaults): void {
  if (
    highWaterPercent !== undefined &&
    lowWaterPercent !== undefined &&
    lowWaterPercent >= highWaterPercent
  ) {
    const below = `less than UMAP_EVICT_HIGH_WATER_THRESHOLD, which is ${highWaterPercent}`
    throw garbage('UMAP_EVICT_LOW_WATER_THRESHOLD', String(lowWaterPercent), below)
  }
}

function garbage(variable: string, text: string, expected: string): RangeError {
  return new RangeError(
    `the environment variable ${variable} must be ${expected}, not ${show(text)}`,
  )
}
