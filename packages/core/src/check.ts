// Checks of arguments, one a rule, with messages that name the option. Pure; any thread.

/** Throws a `TypeError` that names the first key of `value` that is not in `known`. */
export function checkKnownKeys(value: object, known: readonly string[], what: string): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown !== undefined) {
    throw new TypeError(`${what} has no option named ${unknown}; it has ${known.join(', ')}`)
  }
}

/** Returns `value` if it is a plain enough object, else throws a `TypeError`. */
export function checkObject(value: unknown, name: string): object {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new TypeError(`${name} must be an object, not ${show(value)}`)
  }
  return value
}

/** Returns `value` if it is an integer in [min, max]; else a `TypeError` or a `RangeError`. */
export function checkInteger(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number') {
    throw new TypeError(`${name} must be a number, not ${show(value)}`)
  }
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    const upTo = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    throw new RangeError(`${name} must be an integer ${upTo}, not ${value}`)
  }
  return value
}

/** Returns `value` if it is a boolean, else throws a `TypeError`. */
export function checkBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') {
    throw new TypeError(`${name} must be a boolean, not ${show(value)}`)
  }
  return value
}

/** Returns `value` if it is one of `choices`, else throws a `TypeError`. */
export function checkChoice<C extends string>(
  value: unknown,
  name: string,
  choices: readonly C[],
): C {
  const found = choices.find((choice) => choice === value)
  if (found === undefined) {
    const list = choices.map((choice) => `'${choice}'`).join(' or ')
    throw new TypeError(`${name} must be ${list}, not ${show(value)}`)
  }
  return found
}

/** A short form of any value for an error message; never throws. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    return `'${value}'`
  }
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) ? 'an array' : 'an object'
  }
  return typeof value === 'function' || typeof value === 'symbol'
    ? `a ${typeof value}`
    : String(value)
}
