// Where the key of a sealed store comes from: a variable of the environment or a module, named by
// the reference. The key itself is in no reference, no error and no log.

import { StoreError } from '@umap/store'

/**
 * @typedef {{ env: string } | { module: string, exportName?: string }} KeySource
 *   `env` names a variable that holds 64 hexadecimal digits or 44 characters of base64; `module` is
 *   the URL of a module that exports 32 bytes, or a function that returns them, as `key`.
 */

const keyBytes = 32

/**
 * @param {KeySource} source
 * @returns {Promise<Uint8Array>}
 */
export async function loadKey(source) {
  if ('env' in source) return keyFromText(process.env[source.env], source.env)
  const { module, exportName = 'key' } = source
  const exported = (await import(module))[exportName]
  const key = typeof exported === 'function' ? await exported() : exported
  if (key instanceof Uint8Array && key.byteLength === keyBytes) return key
  throw noKey(`${exportName} of ${module} is not a Uint8Array of ${keyBytes} bytes`)
}

/** @param {KeySource} source */
export function checkKeySource(source) {
  const name =
    source !== null && typeof source === 'object' && ('env' in source ? source.env : source.module)
  if (typeof name !== 'string' || name === '') {
    throw new TypeError('key must be { env: NAME } or { module: URL }, never the key itself')
  }
  if ('module' in source && !URL.canParse(name)) {
    throw new TypeError('key.module must be a URL, such as import.meta.resolve gives')
  }
}

/** @param {string | undefined} text @param {string} name */
function keyFromText(text, name) {
  if (text === undefined) throw noKey(`the environment variable ${name} is not set`)
  const isHex = /^[\da-f]{64}$/i.test(text)
  const key = Buffer.from(text, isHex ? 'hex' : 'base64')
  if (key.byteLength === keyBytes) return key
  throw noKey(`the environment variable ${name} does not hold ${keyBytes} bytes in hex or base64`)
}

/** @param {string} message */
function noKey(message) {
  return new StoreError(message, { code: 'SEALED_KEY' })
}
