// Registers the tests with the caller's test runner and runs them. Which of them apply is decided
// when they run, for only an open store says what it can do.

import { AssertionError } from 'node:assert'
import { versionOf } from './groups/version.ts'
import { conformanceGroups } from './groups.ts'
import { type CheckedOptions, type ConformanceOptions, checkOptions } from './options.ts'
import type { Need, TestCase } from './test-case.ts'
import { NotApplicable, Trial } from './trial.ts'

// A test makes a dozen calls, each of which has a deadline of its own; one that kills stores waits
// for processes beside that.
const callsPerTest = 4

/**
 * Defines the conformance tests of a store: `describe` and `it` are called before this returns, as
 * test runners want it. Tests that the store's capabilities rule out are skipped with a reason.
 *
 * Throws a `TypeError` or `RangeError` that names a wrong option.
 */
export function runStoreConformance(options: ConformanceOptions): void {
  const checked = checkOptions(options)
  const { describe, it } = checked.test
  describe(`${checked.name} keeps the store contract`, () => {
    for (const group of conformanceGroups) {
      describe(group.name, () => {
        for (const test of group.tests) {
          const timeoutMs = checked.deadlineMs * callsPerTest * (test.isSlow ? checked.kills : 1)
          // Rest parameters: a runner that counts parameters must not take one for a callback.
          const run = function (this: unknown, ...context: unknown[]): Promise<void> {
            extendTimeout(this, timeoutMs)
            return runTest(test, checked, (reason) => skipTest(context[0], this, reason))
          }
          it(test.name, run, timeoutMs)
        }
      })
    }
  })
}

async function runTest(
  test: TestCase,
  options: CheckedOptions,
  skip: (reason: string) => void,
): Promise<void> {
  const trial = new Trial(options, test.name)
  let skipped: string | undefined
  try {
    await trial.open()
    skipped = missingNeed(trial, test.needs ?? [])
    if (skipped === undefined) {
      await test.run(trial)
    }
  } catch (error) {
    if (!(error instanceof NotApplicable)) {
      throw explain(error, test, options)
    }
    skipped = error.message
  } finally {
    await trial.end()
  }
  if (skipped !== undefined) {
    skip(skipped)
  }
}

function missingNeed(trial: Trial, needs: readonly Need[]): string | undefined {
  const { store } = trial.subject
  const rules: Record<Need, readonly [boolean, string]> = {
    writable: [store.capabilities.writable, 'the store cannot be written'],
    'read-only': [!store.capabilities.writable, 'the store can be written'],
    discard: [store.discard !== undefined, 'the store has no discard'],
    version: [versionOf(store) !== undefined, 'the store has no version'],
    nativeFd: [store.capabilities.nativeFd !== undefined, 'the store has no nativeFd'],
    ref: [trial.options.ref !== undefined, 'the option ref is not given'],
  }
  return needs.map((need) => rules[need]).find(([holds]) => !holds)?.[1]
}

function explain(error: unknown, test: TestCase, options: CheckedOptions): unknown {
  if (!(error instanceof AssertionError)) {
    return error
  }
  const seed = `seed ${options.seed}, pageBytes ${options.pageBytes}`
  error.message = `${error.message}\nThe contract: ${test.contract}\n(${seed})`
  return error
}

// vitest and node:test pass a context, mocha has it as `this`; a runner that has neither shows the
// test as passed.
function skipTest(context: unknown, self: unknown, reason: string): void {
  for (const place of [context, self]) {
    if (hasMethod(place, 'skip')) {
      place.skip(reason)
      return
    }
  }
}

// mocha's own way to give a test more time; the others took it with `it`.
function extendTimeout(self: unknown, timeoutMs: number): void {
  if (hasMethod(self, 'timeout')) {
    self.timeout(timeoutMs)
  }
}

function hasMethod<N extends string>(
  value: unknown,
  name: N,
): value is Record<N, (argument: unknown) => unknown> {
  // vitest's context is a function with properties.
  const hasProperties = value !== null && (typeof value === 'object' || typeof value === 'function')
  return hasProperties && typeof Reflect.get(value, name) === 'function'
}
