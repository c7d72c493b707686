// A test runner that keeps what the suite defines and runs it when asked, so that a test can look
// at which conformance tests a store fails.

import { type ConformanceOptions, runStoreConformance } from '@umap/store-testkit'

/** How one conformance test ended. */
export interface ConformanceResult {
  /** 'group: test'. */
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Message of the failure, reason of the skip. */
  readonly message: string
}

interface CollectedTest {
  readonly name: string
  readonly run: (...context: unknown[]) => Promise<void>
}

/** Runs the whole suite, or the group `only` of it, one test after the other. */
export async function collectConformance(
  options: Omit<ConformanceOptions, 'test'>,
  only?: string,
): Promise<ConformanceResult[]> {
  const tests: CollectedTest[] = []
  const groups: string[] = []
  runStoreConformance({
    ...options,
    test: {
      describe(name, define) {
        groups.push(name)
        define()
        groups.pop()
      },
      it(name, run) {
        const group = groups.at(-1)
        if (only === undefined || only === group) {
          tests.push({ name: `${group}: ${name}`, run })
        }
      },
    },
  })
  const results: ConformanceResult[] = []
  for (const test of tests) {
    results.push(await runOne(test))
  }
  return results
}

/** Names of the tests that failed. */
export function failuresOf(results: readonly ConformanceResult[]): string[] {
  return results.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)
}

async function runOne({ name, run }: CollectedTest): Promise<ConformanceResult> {
  let reason: string | undefined
  const context = {
    skip(text: string) {
      reason = text
    },
  }
  try {
    await run(context)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { name, outcome: 'failed', message }
  }
  return reason === undefined
    ? { name, outcome: 'passed', message: '' }
    : { name, outcome: 'skipped', message: reason }
}
