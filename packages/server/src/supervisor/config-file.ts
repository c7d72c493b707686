// Reads the configuration of `umap serve`: JSON with the options of `serve()`. Paths of modules and
// of the socket are relative to the file. Messages name file and field, and never quote the text,
// which may hold secrets.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  resolveStoreRef,
  StoreError,
  type StoreModule,
  type StoreRef,
  storeErrorCodes,
} from '@umap/store'
import {
  type ResolvedServeOptions,
  resolveServeOptions,
  type ServeOptions,
} from '../serve-options.ts'

/** The configuration makes no sense; the message names the file and what is wrong in it. */
export class ConfigError extends Error {
  static {
    ConfigError.prototype.name = 'ConfigError'
  }
}

/** A configuration as text, so that it can be handed to another process and read there. */
export interface ConfigText {
  /** As the user said it. */
  readonly file: string
  /** The same, absolute. */
  readonly absoluteFile: string
  readonly text: string
}

/** Reads the file `file`. Throws a {@link ConfigError}. */
export function readConfigText(file: string): ConfigText {
  const absoluteFile = path.resolve(file)
  try {
    return { file, absoluteFile, text: readFileSync(absoluteFile, 'utf8') }
  } catch (error) {
    throw new ConfigError(`${file} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/**
 * Checks and completes a configuration. `defaults` are what the environment says.
 *
 * Throws a {@link ConfigError}.
 */
export function parseConfig(
  config: ConfigText,
  defaults: Parameters<typeof resolveServeOptions>[1] = {},
): ResolvedServeOptions {
  const options = placeOptions(parseJson(config), config.absoluteFile)
  try {
    return resolveServeOptions(options as ServeOptions, defaults)
  } catch (error) {
    const isWrong =
      error instanceof TypeError || error instanceof RangeError || error instanceof StoreError
    if (!isWrong) throw error
    throw new ConfigError(`${config.file}: ${error.message}`, { cause: error })
  }
}

function parseJson({ file, text }: ConfigText): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const place = /\(line \d+ column \d+\)/.exec(messageOf(error))?.[0]
    const where = place === undefined ? '' : ` ${place}`
    throw new ConfigError(`${file} cannot be parsed as JSON${where}`)
  }
}

/** Says of each relative path where it begins; leaves everything that is wrong as it is. */
function placeOptions(options: unknown, absoluteFile: string): unknown {
  if (!isObject(options)) return options
  const { socket, datasets } = options
  const isPath = typeof socket === 'string' && socket !== ''
  return {
    ...options,
    ...(isPath && { socket: path.resolve(path.dirname(absoluteFile), socket) }),
    ...(isObject(datasets) && { datasets: placeDatasets(datasets, absoluteFile) }),
  }
}

function placeDatasets(datasets: object, absoluteFile: string): object {
  const parent = pathToFileURL(absoluteFile).href
  const entries = Object.entries(datasets).map(([name, dataset]) => {
    const store: unknown = isObject(dataset) ? dataset.store : undefined
    if (!isObject(store) || 'parent' in store) return [name, dataset]
    return [name, { ...dataset, store: placeStore(store, parent) }]
  })
  return Object.fromEntries(entries)
}

// A package is looked for where the file is that names it, then where this program is: a file in
// /etc has no packages around it.
function placeStore(store: Record<string, unknown>, parent: string): object {
  for (const source of [{ ...store, parent }, store]) {
    try {
      const ref = resolveStoreRef(source as unknown as StoreModule)
      return offersNativeFd(ref) ? { ...ref, nativeFd: true } : ref
    } catch (error) {
      const isMissing = error instanceof StoreError && error.code === storeErrorCodes.module
      if (!isMissing) break
    }
  }
  return { ...store, parent }
}

// A package whose stores are only a descriptor says so in its package.json. They need no store host,
// whose two workers would cost most of the time in which another server takes over.
function offersNativeFd({ url }: StoreRef): boolean {
  if (!url.startsWith('file:')) return false
  let directory = path.dirname(fileURLToPath(url))
  for (let last = ''; directory !== last; last = directory, directory = path.dirname(directory)) {
    const manifest = readManifest(path.join(directory, 'package.json'))
    if (manifest !== undefined) return isObject(manifest.umap) && manifest.umap.nativeFd === true
  }
  return false
}

function readManifest(file: string): Record<string, unknown> | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isObject(manifest) ? manifest : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
