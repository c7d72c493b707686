// Checks the options of layers: a mistake is a TypeError or a RangeError that names the option, at
// the line that made it. Pure.

/** Refuses what is no object, and names that the layer does not know. */
export function checkObject(layer: string, options: unknown, known: readonly string[]): void {
  if (options === null || typeof options !== 'object' || Array.isArray(options)) {
    throw new TypeError(`${layer} takes an object of options, not ${show(options)}`)
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown !== undefined) {
    throw new TypeError(`${layer} has no option named ${unknown}; it has ${known.join(', ')}`)
  }
}

/** `value`, or `fallback` where it is left out; a number of at least `min` and at most `max`. */
export function checkNumber(
  name: string,
  value: unknown,
  fallback: number,
  min: number,
  max: number,
): number {
  if (value === undefined) {
    return fallback
  }
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new TypeError(`${name} must be a number, not ${show(value)}`)
  }
  if (value < min || value > max) {
    throw new RangeError(`${name} must be from ${min} to ${max}, not ${value}`)
  }
  return value
}

/** As {@link checkNumber}, and without a fraction. */
export function checkInteger(
  name: string,
  value: unknown,
  fallback: number,
  min: number,
  max: number,
): number {
  const checked = checkNumber(name, value, fallback, min, max)
  if (!Number.isSafeInteger(checked)) {
    throw new RangeError(`${name} must be a whole number, not ${checked}`)
  }
  return checked
}

/** How a value that is wrong is shown: texts are quoted, other things named by their type. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    return `'${value}'`
  }
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
}
