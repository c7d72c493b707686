// The native engine as the rest of this package gets it: loaded on first use and told what the
// environment says. Each thread has its own binding onto the one engine of the process.

import { getEnvironmentData } from 'node:worker_threads'
import { loadNative, type NativeBinding } from '@umap/native'
import { type EnvironmentDefaults, readEnvironment } from './environment.ts'
import { UmapError, umapErrorCodes } from './errors.ts'
import { storeHostMark } from './host/messages.ts'
import { toUmapError } from './native-errors.ts'

/** The binding, and the defaults of this environment. */
export interface Engine {
  readonly native: NativeBinding
  readonly defaults: EnvironmentDefaults
}

let engine: Engine | undefined

/**
 * Loads the engine, once a thread.
 *
 * Throws a {@link UmapError} with the code UMAP_UNSUPPORTED where there is none or where this
 * thread runs stores, and a `RangeError` where an environment variable makes no sense.
 */
export function loadEngine(): Engine {
  engine ??= startEngine()
  return engine
}

function startEngine(): Engine {
  if (getEnvironmentData(storeHostMark) === true) {
    throw new UmapError(
      'a store host cannot map regions: a thread that can fault must never fill pages',
      { code: umapErrorCodes.unsupported },
    )
  }
  const defaults = readEnvironment()
  const native = loadBinding()
  const { fillers, evictors, faultEventsMax, logLevel } = defaults
  native.configureEngine({
    ...(fillers !== undefined && { fillers }),
    ...(evictors !== undefined && { evictors }),
    ...(faultEventsMax !== undefined && { faultEventsMax }),
    ...(logLevel !== undefined && { logLevel }),
  })
  return { native, defaults }
}

function loadBinding(): NativeBinding {
  try {
    return loadNative()
  } catch (error) {
    throw toUmapError(error, 'open', 'the engine cannot be loaded')
  }
}
