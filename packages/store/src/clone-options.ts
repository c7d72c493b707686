// Clones the options of a store at the line of the caller, and names the part that cannot be
// cloned: after the way to another thread nobody could tell where it came from.

/**
 * A structured clone of `options`; a `SharedArrayBuffer` is shared.
 *
 * Throws a `TypeError` that names the path of the first part that cannot be cloned, or that would
 * arrive as a plain object without its methods, such as a `URL` or an instance of a class.
 */
export function cloneOptions<O>(options: O): O {
  const found = findUncloneable(options, 'options', new Set())
  if (found !== undefined) {
    throw new TypeError(`${found}: store options must be plain data, for another thread opens them`)
  }
  try {
    return structuredClone(options)
  } catch (error) {
    throw new TypeError(`options cannot be cloned: ${messageOf(error)}`, { cause: error })
  }
}

function findUncloneable(value: unknown, path: string, seen: Set<unknown>): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') {
    return `${path} is a ${typeof value}`
  }
  if (value === null || typeof value !== 'object' || seen.has(value)) {
    return undefined
  }
  seen.add(value)
  if (value instanceof Map || value instanceof Set) {
    const items = value instanceof Map ? [...value].flat() : [...value]
    return findFirst(
      items.map((item, index) => [`${path}.entry(${index})`, item]),
      seen,
    )
  }
  if (Array.isArray(value) || isPlain(value)) {
    return findFirst(
      Object.entries(value).map(([key, item]) => [pathOf(path, key), item]),
      seen,
    )
  }
  return findUncloneableObject(value, path)
}

function findFirst(
  items: ReadonlyArray<readonly [string, unknown]>,
  seen: Set<unknown>,
): string | undefined {
  for (const [path, item] of items) {
    const found = findUncloneable(item, path, seen)
    if (found !== undefined) {
      return found
    }
  }
  return undefined
}

// Buffers, dates, errors, keys and the like: what the platform clones, it says itself. It does
// not say when it drops the class of an object, so that only own properties would arrive.
function findUncloneableObject(value: object, path: string): string | undefined {
  if (ArrayBuffer.isView(value) || value instanceof SharedArrayBuffer) {
    // Always cloned, and a trial would copy all of the memory behind a small view.
    return undefined
  }
  const className = value.constructor?.name || 'class'
  try {
    const clone: unknown = structuredClone(value)
    const losesClass = typeof clone === 'object' && clone !== null && isPlain(clone)
    return losesClass ? `${path} is an instance of ${className}, which cannot be cloned` : undefined
  } catch (error) {
    return `${path} is an instance of ${className}, which cannot be cloned (${messageOf(error)})`
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

// Object.prototype of this realm or of another one, or none at all.
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function pathOf(path: string, key: string): string {
  if (/^\d+$/.test(key)) {
    return `${path}[${key}]`
  }
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
}
