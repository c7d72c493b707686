// Opens a store from its reference, in whichever thread is to run it, and checks that what the
// module gave back keeps the contract before anything else relies on it.

import type { OpenStoreContext, PageStore, StoreCapabilities } from './page-store.ts'
import { StoreError, storeErrorCodes } from './store-error.ts'
import { resolveStoreRef, type StoreSource } from './store-ref.ts'

/**
 * Imports the module of `source`, calls its `openStore` with the options, and checks the result.
 * `context` is passed on as the second argument.
 *
 * Rejects with a {@link StoreError}: 'STORE_MODULE' where the module cannot be found or loaded,
 * 'STORE_INVALID' where it, or what it opened, does not keep the contract (the message names the
 * module and the field). What `openStore` itself throws comes through unchanged.
 */
export async function openStoreRef(
  source: StoreSource,
  context: OpenStoreContext = {},
): Promise<PageStore> {
  const ref = resolveStoreRef(source)
  const module = await loadModule(ref.url)
  const open = module[ref.exportName]
  if (typeof open !== 'function') {
    throw invalid(ref.url, `does not export a function named ${ref.exportName}`)
  }
  const store: unknown = await open(ref.options, context)
  try {
    return checkPageStore(store, ref.url)
  } catch (error) {
    await closeQuietly(store)
    throw error
  }
}

/**
 * Returns `store` if it keeps the shape of the contract, else throws a {@link StoreError} with the
 * code 'STORE_INVALID' whose message names `origin` (the module) and the field.
 */
export function checkPageStore(store: unknown, origin: string): PageStore {
  if (store === null || typeof store !== 'object') {
    throw invalid(origin, `opened ${show(store)} instead of a PageStore`)
  }
  const fields = store as Partial<PageStore>
  if (!isInteger(fields.byteLength, 0)) {
    throw invalid(origin, `byteLength must be a safe integer from 0 on, not ${fields.byteLength}`)
  }
  for (const name of ['read', 'close'] as const) {
    if (typeof fields[name] !== 'function') {
      throw invalid(origin, `${name} must be a function, not ${show(fields[name])}`)
    }
  }
  for (const name of ['write', 'flush', 'discard'] as const) {
    if (fields[name] !== undefined && typeof fields[name] !== 'function') {
      throw invalid(origin, `${name} must be a function or left out, not ${show(fields[name])}`)
    }
  }
  const { version } = fields
  if (version !== undefined && (typeof version !== 'string' || version === '')) {
    throw invalid(origin, `version must be a text that is not empty, or left out`)
  }
  checkCapabilities(fields.capabilities, origin)
  if (fields.capabilities?.writable && fields.write === undefined) {
    throw invalid(origin, 'capabilities.writable is true, but there is no write function')
  }
  return store as PageStore
}

function checkCapabilities(value: unknown, origin: string): void {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(origin, `capabilities must be an object, not ${show(value)}`)
  }
  const capabilities = value as Partial<StoreCapabilities>
  const { writable, atomicFlush, nativeDirect } = capabilities
  const { concurrencyMax, callBytesMax, nativeFd } = capabilities
  const rules: ReadonlyArray<readonly [keyof StoreCapabilities, unknown, boolean, string]> = [
    ['writable', writable, typeof writable === 'boolean', 'a boolean'],
    ['atomicFlush', atomicFlush, typeof atomicFlush === 'boolean', 'a boolean'],
    ['concurrencyMax', concurrencyMax, isInteger(concurrencyMax, 1), 'a safe integer from 1 on'],
    ['callBytesMax', callBytesMax, isInteger(callBytesMax, 1), 'a safe integer from 1 on'],
    [
      'nativeFd',
      nativeFd,
      nativeFd === undefined || (isInteger(nativeFd, 0) && nativeFd < 2 ** 31),
      'a descriptor or left out',
    ],
    [
      'nativeDirect',
      nativeDirect,
      nativeDirect === undefined || typeof nativeDirect === 'boolean',
      'a boolean or left out',
    ],
  ]
  for (const [name, actual, holds, expected] of rules) {
    if (!holds) {
      throw invalid(origin, `capabilities.${name} must be ${expected}, not ${show(actual)}`)
    }
  }
  checkPlain(value, origin)
}

// Getters of a class read well here, and are lost when capabilities are sent to another thread.
function checkPlain(capabilities: object, origin: string): void {
  let clone: object
  try {
    clone = structuredClone(capabilities)
  } catch (error) {
    throw invalid(origin, 'capabilities must be plain data', error)
  }
  for (const name of ['writable', 'concurrencyMax', 'callBytesMax', 'atomicFlush']) {
    if (!Object.hasOwn(clone, name)) {
      throw invalid(origin, `capabilities.${name} must be a property of a plain object`)
    }
  }
}

async function loadModule(url: string): Promise<Record<string, unknown>> {
  try {
    return (await import(url)) as Record<string, unknown>
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new StoreError(`the store's module ${url} cannot be loaded: ${reason}`, {
      code: storeErrorCodes.module,
      cause: error,
    })
  }
}

// What was opened holds descriptors and sockets, whatever else is wrong with it.
async function closeQuietly(store: unknown): Promise<void> {
  try {
    await (store as Partial<PageStore> | null | undefined)?.close?.()
  } catch {
    // The contract's violation is what the caller needs to hear of.
  }
}

function invalid(origin: string, what: string, cause?: unknown): StoreError {
  return new StoreError(`the store's module ${origin}: ${what}`, {
    code: storeErrorCodes.invalid,
    ...(cause !== undefined && { cause }),
  })
}

function isInteger(value: unknown, min: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min
}

function show(value: unknown): string {
  const isPrimitive = value === null || !['object', 'function', 'symbol'].includes(typeof value)
  return isPrimitive ? `${value}` : typeof value
}
