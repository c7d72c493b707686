// Turns what the engine reports into `UmapError`s: an errno, a sentence, and, where a JavaScript
// store failed, what the store threw. Any thread.

import { getSystemErrorName } from 'node:util'
import type { NativeError } from '@umap/native'
import { deserializeError, StoreError } from '@umap/store'
import { UmapError, type UmapErrorCode, type UmapErrorPlace, umapErrorCodes } from './errors.ts'
import { type FaultRequest, refusalOfFaults } from './fault-refusal.ts'

/** What was being done when the engine failed; decides what an errno means. */
export type EngineOperation = 'open' | 'map' | 'connect' | 'data-set' | 'pin' | 'page' | 'close'

/** What the engine says of a server that is gone, and nothing else; see its client/channel.h. */
const serverGoneName = 'ENONET'

/** Permission and support are questions of opening; later the same errno is the store's. */
const openCodes: Readonly<Record<string, UmapErrorCode>> = {
  EPERM: umapErrorCodes.permission,
  EACCES: umapErrorCodes.permission,
  ENOSYS: umapErrorCodes.unsupported,
  ENOTSUP: umapErrorCodes.unsupported,
  EOPNOTSUPP: umapErrorCodes.unsupported,
}

/** What a server says of a data set. */
const dataSetCodes: Readonly<Record<string, UmapErrorCode>> = {
  ENOENT: umapErrorCodes.noDataSet,
  EROFS: umapErrorCodes.readOnly,
}

/**
 * The `UmapError` of something that a call into the engine threw or rejected with. Errors that are
 * not the engine's (a `RangeError` of the binding, a `UmapError`) come back as they are. `request` is
 * the way of taking faults that a region was opened with.
 */
export function toUmapError(
  thrown: unknown,
  operation: EngineOperation,
  doing: string,
  request?: FaultRequest,
): Error {
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
  if (request !== undefined && isRefusalOfMachine(code)) {
    const message = `${doing}: ${refusalOfFaults(request, thrown.message)}`
    return new UmapError(message, { code, cause: thrown })
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

/** The `UmapError` that tells a region's listeners that its server is gone. */
export function toServerGoneError(thrown: NativeError): UmapError {
  return new UmapError(thrown.message, { code: umapErrorCodes.serverGone, cause: thrown })
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
  if (name === serverGoneName) {
    return umapErrorCodes.serverGone
  }
  if (name === 'ENOMEM' && operation !== 'page' && operation !== 'close') {
    return umapErrorCodes.noMemory
  }
  if (operation === 'data-set') {
    return dataSetCodes[name] ?? openCodes[name] ?? umapErrorCodes.engine
  }
  if (operation === 'open' || operation === 'map' || operation === 'connect') {
    return openCodes[name] ?? umapErrorCodes.engine
  }
  return name === 'EROFS' ? umapErrorCodes.readOnly : umapErrorCodes.store
}

// By shape: an error may come from another copy of the package.
function isNativeError(error: Error): error is NativeError {
  return typeof (error as Partial<NativeError>).errno === 'number'
}

function isRefusalOfMachine(code: UmapErrorCode): boolean {
  return code === umapErrorCodes.permission || code === umapErrorCodes.unsupported
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
