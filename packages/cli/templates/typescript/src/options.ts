// The options of the store, and their check at the line of the caller. They travel to other threads
// and into logs: plain data, and no secrets. (Name the variable or the module that has the secret.)

import path from 'node:path'

/** Options of `sampleStore`. */
export interface SampleStoreOptions {
  /** The directory. */
  readonly path: string
  /** Make the data set where there is none; needs `byteLength`. Default false. */
  readonly create?: boolean
  /** The size in bytes that the data set must have, or is made with. */
  readonly byteLength?: number
}

const optionNames: readonly string[] = ['path', 'create', 'byteLength']

/**
 * Checks the options and makes the path absolute.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function checkOptions(options: SampleStoreOptions): SampleStoreOptions {
  if (options === null || typeof options !== 'object') {
    throw new TypeError(`sampleStore takes an object with path, not ${typeof options}`)
  }
  // A misspelt option would be ignored without a word.
  const unknown = Object.keys(options).find((name) => !optionNames.includes(name))
  if (unknown !== undefined) {
    throw new TypeError(`sampleStore has no option named ${unknown}`)
  }
  const { create, byteLength } = options
  if (typeof options.path !== 'string' || options.path === '') {
    throw new TypeError('path must be the path of a directory')
  }
  if (create !== undefined && typeof create !== 'boolean') {
    throw new TypeError(`create must be a boolean, not ${typeof create}`)
  }
  if (byteLength !== undefined && !(Number.isSafeInteger(byteLength) && byteLength >= 0)) {
    throw new RangeError(`byteLength must be a safe integer from 0 on, not ${byteLength}`)
  }
  return { ...options, path: path.resolve(options.path) }
}
