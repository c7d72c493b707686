// Turns what the engine reports into `UmapError`s: an errno, a sentence, and, where a JavaScript
// store failed, what the store threw. Any thread.

import { getSystemErrorName } from 'node:util'
import { type NativeError, probe } from '@umap/native'
import { deserializeError, StoreError } from '@umap/store'
import { UmapError, type UmapErrorCode, type UmapErrorPlace, umapErrorCodes } from './errors.ts'

/** What was being done when the engine failed; decides what an errno means. */
export type EngineOperation = 'open' | 'map' | 'pin' | 'page' | 'close'

/** Permission and support are questions of opening; later the same errno is the store's. */
const openCodes: Readonly<Record<string, UmapErrorCode>> = {
  EPERM: umapErrorCodes.permission,
  EACCES: umapErrorCodes.permission,
  ENOSYS: umapErrorCodes.unsupported,
  ENOTSUP: umapErrorCodes.unsupported,
  EOPNOTSUPP: umapErrorCodes.unsupported,
}

/** Remedies of a probe that are about permission; the others are about the kernel or limits. */
const permissionRemedies: readonly string[] = [
  'device',
  'sysctl',
  'capability',
  'seccomp',
  'policy',
]

/**
 * The `UmapError` of something that a call into the engine threw or rejected with. Errors that are
 * not the engine's (a `RangeError` of the binding, a `UmapError`) come back as they are.
 */
export function toUmapError(thrown: unknown, operation: EngineOperation, doing: string): Error {
  if (!(thrown instanceof Error)) {
    return new UmapError(`${doing}: ${String(thrown)}`, { code: umapErrorCodes.engine })
  }
  if (isCodedUnsupported(thrown)) {
    return new UmapError(thrown.message, { code: umapErrorCodes.unsupported, cause: thrown })
  }
  if (!isNativeError(thrown)) {
    return thrown
  }
  const name = errnoName(thrown.errno)
  if (thrown.detail) {
    return storeFailure(thrown, name, doing)
  }
  const code = codeOf(name, operation)
  if (code === umapErrorCodes.permission) {
    return new UmapError(permissionMessage(thrown.message), { code, cause: thrown })
  }
  if (code === umapErrorCodes.store) {
    return storeFailure(thrown, name, doing)
  }
  return new UmapError(`${doing}: ${thrown.message}`, { code, cause: thrown })
}

/** The `UmapError` that a region's `error` event carries. */
export function toPlacedError(thrown: NativeError, place: UmapErrorPlace): UmapError {
  const where = `${place.byteLength} bytes at ${place.offset}`
  const doing = `${place.operation} of ${where} of the region failed`
  const failure = storeFailure(thrown, errnoName(thrown.errno), doing)
  return new UmapError(failure.message, {
    code: umapErrorCodes.store,
    cause: failure.cause,
    place,
  })
}

/** What UMAP_PERMISSION says: the refusal, and the remedies that apply on this machine. */
export function permissionMessage(refusal: string): string {
  const ways = remediesOfThisMachine()
    .map((remedy) => `\n  - ${remedy}`)
    .join('')
  const help = ways === '' ? ' (see `umap doctor`)' : `. Any one of these helps:${ways}`
  return `this process may not use userfaultfd: ${refusal}${help}`
}

function storeFailure(error: NativeError, name: string, doing: string): UmapError {
  const cause = storeErrorOf(error, name)
  return new UmapError(`${doing}: ${cause.message}`, { code: umapErrorCodes.store, cause })
}

function storeErrorOf(error: NativeError, name: string): StoreError {
  if (error.detail) {
    try {
      return deserializeError(JSON.parse(error.detail))
    } catch {
      // Cut short on its way; the engine's own words are left.
    }
  }
  return new StoreError(error.message, {
    code: name,
    retryable: error.retryable === true,
    cause: error,
  })
}

function codeOf(name: string, operation: EngineOperation): UmapErrorCode {
  if (name === 'EBADF' || name === 'ESHUTDOWN') {
    return umapErrorCodes.closed
  }
  if (name === 'ENOMEM' && operation !== 'page' && operation !== 'close') {
    return umapErrorCodes.noMemory
  }
  if (operation === 'open' || operation === 'map') {
    return openCodes[name] ?? umapErrorCodes.engine
  }
  return name === 'EROFS' ? umapErrorCodes.readOnly : umapErrorCodes.store
}

// By shape: an error may come from another copy of the package.
function isNativeError(error: Error): error is NativeError {
  return typeof (error as Partial<NativeError>).errno === 'number'
}

function isCodedUnsupported(error: Error): boolean {
  return (error as { code?: unknown }).code === umapErrorCodes.unsupported
}

function errnoName(errno: number): string {
  try {
    return getSystemErrorName(-Math.abs(errno))
  } catch {
    return `ERRNO_${Math.abs(errno)}`
  }
}

// The message must come, whatever is wrong with the machine.
function remediesOfThisMachine(): string[] {
  try {
    const unmet = probe().needs.filter((need) => !need.met)
    const remedies = unmet.flatMap((need) => need.remedies)
    const texts = remedies
      .filter(({ kind }) => permissionRemedies.includes(kind))
      .map(({ kind, remedy }) => `${kind}: ${remedy}`)
    return [...new Set(texts)]
  } catch {
    return []
  }
}
