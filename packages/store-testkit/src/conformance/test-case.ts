// The shape of one conformance test, and of a group of them.

import type { Trial } from './trial.ts'

/** What a store must have for a test to apply to it. */
export type Need = 'writable' | 'read-only' | 'discard' | 'version' | 'nativeFd' | 'ref'

/** One test: a behaviour, and the sentence of the contract that demands it. */
export interface TestCase {
  /** The behaviour. */
  readonly name: string
  /** What the contract says, for the message of a failure. */
  readonly contract: string
  readonly needs?: readonly Need[]
  /** Processes that the test starts, for its time limit. */
  readonly isSlow?: boolean
  run(trial: Trial): Promise<void>
}

/** Tests of one part of the contract. */
export interface TestGroup {
  readonly name: string
  readonly tests: readonly TestCase[]
}
