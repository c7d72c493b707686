// Reads FROM and TO: a path, `SCHEME:…`, a JSON file or inline JSON. What comes out has a label
// that may be printed; options never are, for they may hold secrets.

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  resolveStoreRef,
  StoreError,
  type StoreModule,
  type StoreRef,
  storeErrorCodes,
} from '@umap/store'
import { UsageError } from '../usage-error.ts'
import { type NamedStore, schemes } from './schemes.ts'

/** One of the two stores of a copy, not opened yet. */
export interface StoreArgument {
  /** FROM or TO. */
  readonly role: 'FROM' | 'TO'
  /** Says which store it is, and none of its options. */
  readonly label: string
  readonly ref: StoreRef
  /** The options are known to have `create` and `byteLength`. */
  readonly isNamed: boolean
  /** Why it cannot be TO, where that is known beforehand. */
  readonly readOnlyReason?: string
}

/**
 * @param text a path, a scheme of the table in `schemes.ts`, the path of a JSON file, or JSON
 * @throws UsageError that names the argument; `CopyError`s and `StoreError`s where a package or
 *   file is missing
 */
export function readStoreArgument(role: 'FROM' | 'TO', text: string): StoreArgument {
  if (text === '') throw new UsageError(`${role} is empty`)
  if (text.trimStart().startsWith('{')) {
    const parent = path.join(process.cwd(), 'umap.json')
    return readModule(role, parseJson(role, 'the JSON', text), parent, undefined)
  }
  const scheme = /^([a-z][a-z\d+.-]+):/i.exec(text)?.[1]
  if (scheme !== undefined) return readScheme(role, scheme.toLowerCase(), text)
  if (text.endsWith('.json')) return readJsonFile(role, text)
  const named = { options: { path: text }, label: text }
  return toArgument(role, named, '@umap/store-file')
}

function readScheme(role: 'FROM' | 'TO', name: string, text: string): StoreArgument {
  const scheme = Object.hasOwn(schemes, name) ? schemes[name] : undefined
  if (scheme === undefined) {
    const known = Object.keys(schemes).join(', ')
    throw new UsageError(
      `${role} has the unknown scheme '${name}:'; known are ${known}; a file is ./${name}:…`,
    )
  }
  const named = scheme.read(text)
  if (named === undefined) throw new UsageError(`${role} must have the form ${scheme.form}`)
  return toArgument(role, named, scheme.package)
}

function toArgument(role: 'FROM' | 'TO', named: NamedStore, module: string): StoreArgument {
  const { options, label, readOnlyReason } = named
  if (role === 'TO' && readOnlyReason !== undefined) {
    throw new UsageError(`TO (${label}) ${readOnlyReason}`)
  }
  return { role, label, ref: resolve({ module, options }), isNamed: true }
}

function readJsonFile(role: 'FROM' | 'TO', file: string): StoreArgument {
  if (!existsSync(file)) {
    throw new UsageError(
      `${role} ends with .json, and there is no such file; file:${file} is a file of data`,
    )
  }
  const parent = path.resolve(file)
  return readModule(role, parseJson(role, file, readFileSync(parent, 'utf8')), parent, file)
}

// The parser's own message would quote the text, and with it what is secret.
function parseJson(role: 'FROM' | 'TO', what: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`${role}: ${what} cannot be parsed as JSON`)
  }
}

function readModule(
  role: 'FROM' | 'TO',
  value: unknown,
  parent: string,
  file: string | undefined,
): StoreArgument {
  const where = file === undefined ? 'the JSON' : file
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new UsageError(`${role}: ${where} must be an object { "module", "options" }`)
  }
  const unknown = Object.keys(value).find((key) => key !== 'module' && key !== 'options')
  if (unknown !== undefined) {
    throw new UsageError(`${role}: ${where} has the unknown property '${unknown}'`)
  }
  const { module, options } = value as { module?: unknown; options?: unknown }
  if (typeof module !== 'string' || module === '') {
    throw new UsageError(`${role}: module in ${where} must be a package name or a path`)
  }
  const ref = resolve({ module, options }, parent)
  return { role, label: file ?? module, ref, isNamed: false }
}

// A package is looked for where the file is that names it, then where this command is.
function resolve(source: StoreModule, parent?: string): StoreRef {
  if (parent === undefined) return resolveStoreRef(source)
  try {
    return resolveStoreRef({ ...source, parent: pathToFileURL(parent) })
  } catch (error) {
    const isMissing = error instanceof StoreError && error.code === storeErrorCodes.module
    if (!isMissing) throw error
    return resolveStoreRef(source)
  }
}
