// References to stores: plain data that says which module opens a store and with which options,
// so that it can be opened in a worker, in a process of its own, or in a server. Any thread.

import { cloneOptions } from './clone-options.ts'
import { resolveModule } from './resolve-module.ts'

/** Names a store as plain data that survives `postMessage`. Made by {@link storeRef}. */
export interface StoreRef<O = unknown> {
  /** URL of the module that opens the store. */
  readonly url: string
  /** Name of the function in it, an {@link OpenStore}. */
  readonly exportName: string
  /**
   * The module is small, and its stores offer a native descriptor: they may be opened in the thread
   * that maps them, without a store host.
   */
  readonly nativeFd?: true
  /** The store's own options. */
  readonly options: O
}

/** Names a store by its package or file, as configuration files do. */
export interface StoreModule<O = unknown> {
  /** A package name, or a path: absolute, or relative to `parent`. */
  readonly module: string
  /** The store's own options. */
  readonly options?: O
  /** File URL of the file that names the module: `import.meta.url`, or a configuration file's. */
  readonly parent?: string | URL
}

/** What is taken wherever a store is asked for. */
export type StoreSource<O = unknown> = StoreRef<O> | StoreModule<O>

const defaultExportName = 'openStore'

/**
 * Makes a reference to a store.
 *
 * `url` is the module that exports the store's {@link OpenStore} as `exportName`; a store that
 * opens itself passes `new URL(import.meta.url)`. `options` are cloned at once, so that later
 * changes do not matter; a `SharedArrayBuffer` in them is shared, not copied.
 *
 * Throws a `TypeError` that names the part of `options` that cannot be cloned.
 */
export function storeRef<O>(
  url: URL,
  options: O,
  exportName: string = defaultExportName,
): StoreRef<O> {
  if (!(url instanceof URL)) {
    throw new TypeError(`url must be a URL, such as new URL(import.meta.url), not ${show(url)}`)
  }
  if (typeof exportName !== 'string' || exportName === '') {
    throw new TypeError(`exportName must be the name of an export, not ${show(exportName)}`)
  }
  return Object.freeze({ url: url.href, exportName, options: cloneOptions(options) })
}

/**
 * Turns `{ module, options, parent }` into a reference, and checks a reference that it is given.
 *
 * A package is found as an `import` in the file `parent` finds it; without `parent`, in the working
 * directory and then beside this package. A relative path needs `parent`. An option `store` that is
 * `{ module, options }` itself, the store below a layer, has the same `parent` unless it has its own.
 *
 * Throws a `TypeError` for anything that is neither form, and a {@link StoreError} with the code
 * 'STORE_MODULE' where a package cannot be found.
 */
export function resolveStoreRef<O>(source: StoreSource<O>): StoreRef<O> {
  if (source === null || typeof source !== 'object') {
    throw new TypeError(`a store must be a StoreRef or { module, options }, not ${show(source)}`)
  }
  const hasUrl = 'url' in source
  if (hasUrl === 'module' in source) {
    throw new TypeError('a store must have either url (a StoreRef) or module')
  }
  return 'url' in source ? checkStoreRef(source) : resolveStoreModule(source)
}

function checkStoreRef<O>(ref: StoreRef<O>): StoreRef<O> {
  refuseUnknownKeys(ref, ['url', 'exportName', 'options', 'nativeFd'])
  if (typeof ref.url !== 'string' || !URL.canParse(ref.url)) {
    throw new TypeError(`url of a StoreRef must be an absolute URL, not ${show(ref.url)}`)
  }
  if (typeof ref.exportName !== 'string' || ref.exportName === '') {
    throw new TypeError(`exportName of a StoreRef must be a name, not ${show(ref.exportName)}`)
  }
  return ref
}

function resolveStoreModule<O>(source: StoreModule<O>): StoreRef<O> {
  refuseUnknownKeys(source, ['module', 'options', 'parent'])
  const { module, options, parent } = source
  if (typeof module !== 'string' || module === '') {
    throw new TypeError(`module must be a package name or a path, not ${show(module)}`)
  }
  const from = parentUrl(parent)
  return storeRef(resolveModule(module, from), withParent(options, from) as O)
}

// A store that is stacked on another one names it in its option `store`. Where that has no parent
// of its own, it stands in the same file, a configuration file say, and is found from there.
function withParent(options: unknown, parent: URL | undefined): unknown {
  if (parent === undefined || !isObject(options) || !isObject(options.store)) {
    return options
  }
  const { store } = options
  const isFoundElsewhere = !('module' in store) || store.parent !== undefined
  return isFoundElsewhere ? options : { ...options, store: { ...store, parent: parent.href } }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object'
}

function parentUrl(parent: unknown): URL | undefined {
  if (parent === undefined) {
    return undefined
  }
  const text = parent instanceof URL ? parent.href : parent
  if (typeof text !== 'string' || !URL.canParse(text) || new URL(text).protocol !== 'file:') {
    throw new TypeError(`parent must be a file URL, such as import.meta.url, not ${show(parent)}`)
  }
  return new URL(text)
}

// A misspelt name would be ignored without a word, and the store opened without its options.
function refuseUnknownKeys(value: object, known: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      throw new TypeError(`unknown property ${key} of a store; known are ${known.join(', ')}`)
    }
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : value === null ? 'null' : typeof value
}
