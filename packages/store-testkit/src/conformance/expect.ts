// What a failed expectation says. Messages quote the contract, since their readers write stores and
// have not read this suite. No test runner is needed: failures are node:assert's AssertionErrors.

import { AssertionError } from 'node:assert'

/** Fails the test with `what` was seen. */
export function fail(what: string, cause?: unknown): never {
  const error = new AssertionError({ message: what })
  if (cause !== undefined) {
    error.cause = cause
  }
  throw error
}

/** Fails with `what` unless `condition` holds. */
export function expectThat(condition: boolean, what: string | (() => string)): void {
  if (!condition) {
    fail(typeof what === 'string' ? what : what())
  }
}

/** Fails at the first byte of `found` that is not `expected`; both begin at `offset`. */
export function expectBytes(
  found: Uint8Array,
  expected: Uint8Array,
  offset: number,
  what: string,
): void {
  if (found.byteLength !== expected.byteLength) {
    fail(`${what}: ${found.byteLength} bytes instead of ${expected.byteLength}`)
  }
  const at = firstDifference(found, expected)
  if (at < 0) {
    return
  }
  let wrong = 0
  for (let index = at; index < expected.byteLength; index++) {
    wrong += found[index] === expected[index] ? 0 : 1
  }
  fail(
    `${what}: byte ${offset + at} is ${found[at]}, not ${expected[at]}` +
      ` (byte ${at} of the ${expected.byteLength} at ${offset}; ${wrong} of them are wrong)`,
  )
}

/** The index of the first byte that differs, -1 where none does. */
export function firstDifference(one: Uint8Array, other: Uint8Array): number {
  if (Buffer.compare(one, other) === 0) {
    return -1
  }
  return one.findIndex((byte, index) => byte !== other[index])
}

/** The text of anything that was thrown. */
export function show(thrown: unknown): string {
  if (thrown instanceof Error) {
    const code: unknown = 'code' in thrown ? thrown.code : undefined
    return `${thrown.name}${code === undefined ? '' : ` ${String(code)}`}: ${thrown.message}`
  }
  return typeof thrown === 'object' ? 'an object' : String(thrown)
}
