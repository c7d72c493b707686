// Byte ranges of a region, as its methods take them. Pure; any thread.

import { checkInteger, checkKnownKeys, checkObject } from './check.ts'

/** A part of a region, in bytes from its start. It need not begin or end at a page. */
export interface Range {
  /** Default 0. */
  readonly offset?: number
  /** Default: up to the end of the region. */
  readonly byteLength?: number
}

/** A range whose defaults are filled in and that lies inside its region. */
export type ExactRange = Required<Range>

/**
 * Fills in the defaults of `range`; without one, all of the region.
 *
 * Throws a `TypeError` or `RangeError` that names the field.
 */
export function resolveRange(range: Range | undefined, regionBytes: number): ExactRange {
  if (range === undefined) {
    return { offset: 0, byteLength: regionBytes }
  }
  checkKnownKeys(checkObject(range, 'range'), ['offset', 'byteLength'], 'range')
  const offset = checkInside(range.offset ?? 0, 'range.offset', regionBytes)
  const rest = regionBytes - offset
  return { offset, byteLength: checkInside(range.byteLength ?? rest, 'range.byteLength', rest) }
}

/** The same for one range or several; no ranges at all mean all of the region. */
export function resolveRanges(
  ranges: Range | readonly Range[] | undefined,
  regionBytes: number,
): ExactRange[] {
  const list = Array.isArray(ranges) ? (ranges as readonly Range[]) : [ranges as Range | undefined]
  return list.map((range) => {
    if (range === undefined && Array.isArray(ranges)) {
      throw new TypeError('a range in a list of ranges must be an object, not undefined')
    }
    return resolveRange(range, regionBytes)
  })
}

function checkInside(value: unknown, name: string, max: number): number {
  const integer = checkInteger(value, name, 0, Number.MAX_SAFE_INTEGER)
  if (integer > max) {
    throw new RangeError(`${name} ${integer} reaches past the end of the region (at most ${max})`)
  }
  return integer
}
