// The options of the store, and their check at the line of the caller. They travel to other threads
// and into logs: plain data, and no secrets. (Name the variable or the module that has the secret.)

import path from 'node:path'

/**
 * Options of `sampleStore`.
 *
 * @typedef {object} SampleStoreOptions
 * @property {string} path The directory.
 * @property {boolean} [create] Make the data set where there is none; needs `byteLength`.
 * @property {number} [byteLength] The size in bytes that it must have, or is made with.
 */

const optionNames = ['path', 'create', 'byteLength']

/**
 * Checks the options and makes the path absolute.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 *
 * @param {SampleStoreOptions} options
 * @returns {SampleStoreOptions}
 */
export function checkOptions(options) {
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
