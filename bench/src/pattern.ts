// The bytes of the data file, known at every index: the same as in ../native/pattern.h.

/** The float64 at an index of the file: 20 bits of a multiplicative hash. */
export function valueAt(index: number): number {
  return Math.imul(index, 0x9e3779b1) >>> 12
}
