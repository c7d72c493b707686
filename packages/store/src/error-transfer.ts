// Errors as plain data, for the way from a store host to the threads that wait: over a message
// port, as JSON between processes, as a string through native code. Any thread; never throws,
// whatever a store has thrown.

import { isRetryable, readProperty as read, StoreError, storeErrorCodes } from './store-error.ts'

/** An error as plain, JSON-safe data. */
export interface SerializedError {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly retryable: boolean
  readonly stack?: string
  readonly cause?: SerializedError
}

// Deep enough for layers over a client over a socket, and finite for causes that form a ring.
const causeDepthMax = 8
const messageLengthMax = 8 * 1024
const stackLengthMax = 16 * 1024

/**
 * Turns anything that was thrown into plain data that survives `postMessage` and JSON.
 *
 * `code` is kept where it is a string. `retryable` is the error's own where it has one, else it
 * follows from `code` ({@link isRetryableCode}). Causes are kept 8 deep, long texts are cut.
 */
export function serializeError(thrown: unknown): SerializedError {
  return serializeCause(thrown, new Set())
}

/**
 * Makes a {@link StoreError} of what {@link serializeError} made: `code`, `retryable`, `message`,
 * `name`, the causes and the stack of the other side are kept. An error without a code gets
 * 'STORE_UNKNOWN'; so does anything that is no serialized error.
 */
export function deserializeError(data: unknown): StoreError {
  return deserializeCause(data, 0)
}

function serializeCause(thrown: unknown, above: Set<unknown>): SerializedError {
  const message = messageOf(thrown)
  const code = read(thrown, 'code')
  const stack = read(thrown, 'stack')
  // Of several failures, the first stands for all: its code and its stack are what helps.
  const cause = read(thrown, 'cause') ?? failuresOf(thrown)[0]
  above.add(thrown)
  const ends = cause === undefined || above.has(cause) || above.size > causeDepthMax
  return {
    name: nameOf(thrown),
    message: cut(message, messageLengthMax),
    ...(typeof code === 'string' && code !== '' && { code }),
    retryable: isRetryable(thrown),
    ...(typeof stack === 'string' && { stack: cut(stack, stackLengthMax) }),
    ...(!ends && { cause: serializeCause(cause, above) }),
  }
}

function deserializeCause(data: unknown, depth: number): StoreError {
  const message = read(data, 'message')
  const name = read(data, 'name')
  const code = read(data, 'code')
  const stack = read(data, 'stack')
  const cause = read(data, 'cause')
  const text = typeof message === 'string' ? message : 'a store failed without saying why'
  const error = new StoreError(text, {
    code: typeof code === 'string' && code !== '' ? code : storeErrorCodes.unknown,
    retryable: read(data, 'retryable') === true,
    ...(cause !== undefined &&
      depth < causeDepthMax && { cause: deserializeCause(cause, depth + 1) }),
  })
  if (typeof name === 'string' && name !== error.name) {
    define(error, 'name', name)
  }
  // The stack of this side would point at this function, which is of no use to anybody.
  define(error, 'stack', typeof stack === 'string' ? stack : `${error.name}: ${text}`)
  return error
}

function nameOf(thrown: unknown): string {
  const name = read(thrown, 'name')
  return typeof name === 'string' && name !== '' ? name : 'Error'
}

function messageOf(thrown: unknown): string {
  const message = read(thrown, 'message')
  if (typeof message === 'string' && message !== '') {
    return message
  }
  // A connection that failed on several addresses is an AggregateError with an empty message.
  const failures = failuresOf(thrown)
  if (failures.length > 0) {
    return failures.map(describe).join('; ')
  }
  return typeof message === 'string' ? message : describe(thrown)
}

function failuresOf(thrown: unknown): unknown[] {
  try {
    const errors = read(thrown, 'errors')
    return Array.isArray(errors) ? errors.slice(0, causeDepthMax) : []
  } catch {
    return []
  }
}

function describe(value: unknown): string {
  const message = read(value, 'message')
  if (typeof message === 'string') {
    return message
  }
  try {
    const json = typeof value === 'object' ? JSON.stringify(value) : undefined
    return json ?? String(value)
  } catch {
    return `a value of type ${typeof value}`
  }
}

function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`
}

function define(error: Error, key: 'name' | 'stack', value: string): void {
  Object.defineProperty(error, key, { value, configurable: true, writable: true })
}
