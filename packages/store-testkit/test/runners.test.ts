// The suite needs no more of a test runner than describe and it, and says what it skips in the way
// of the runner. This file is vitest's proof; memory-store.test.ts is one more.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { memoryStore, openStore } from '@umap/store'
import { type ConformanceOptions, runStoreConformance } from '@umap/store-testkit'
import { describe, expect, it } from 'vitest'

type Run = (this: unknown, ...context: unknown[]) => Promise<void>
type Options = Omit<ConformanceOptions, 'test'>

const options: Options = {
  open: () => openStore({ byteLength: 16 * 4096 }),
  reopen: () => openStore({ byteLength: 16 * 4096 }),
}

/** The tests that the suite defines with `defined`. */
function definedBy(defined: Options): { name: string; run: Run; timeoutMs: number | undefined }[] {
  const tests: { name: string; run: Run; timeoutMs: number | undefined }[] = []
  runStoreConformance({
    ...defined,
    test: {
      describe: (_name, define) => define(),
      it: (name, run, timeoutMs) => tests.push({ name, run, timeoutMs }),
    },
  })
  return tests
}

function runProgram(...args: string[]) {
  const program = fileURLToPath(new URL('./programs/node-test.mjs', import.meta.url))
  // node:test in a child of a test runner reports to that one unless this is gone.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env
  const reporter = '--test-reporter=tap'
  return spawnSync(process.execPath, [reporter, program, ...args], { encoding: 'utf8', env })
}

describe('under node:test', () => {
  it('a memory store passes, and what does not apply is skipped with its reason', () => {
    const { status, stdout } = runProgram()
    expect(stdout).toMatch(/^# fail 0$/m)
    expect(stdout).toMatch(/ok \d+ - is seen by the next read$/m)
    expect(stdout).toMatch(/ok \d+ - shows the bytes of the store # SKIP the store has no nativeFd/)
    expect(status).toBe(0)
  })

  it('a broken store fails, and is told the contract', () => {
    const { status, stdout } = runProgram('broken')
    expect(stdout).toMatch(/^ *not ok \d+ - is seen by the next read$/m)
    expect(stdout).toContain('The contract: a read that begins after a write has resolved')
    expect(status).toBe(1)
  })
})

describe('under mocha', () => {
  it('no test is taken for one with a callback, and each gets its time', async () => {
    for (const { run, timeoutMs } of definedBy({ ...options, deadlineMs: 100 })) {
      expect(run).toHaveLength(0)
      expect(timeoutMs).toBeGreaterThan(100)
    }
    const times: number[] = []
    const context = { timeout: (ms: number) => times.push(ms), skip: () => undefined }
    await definedBy(options)[0]?.run.call(context)
    expect(times[0]).toBeGreaterThan(10_000)
  })

  it('tests are skipped by their context, which throws', async () => {
    const pending = new Error('pending')
    const context = {
      skip() {
        throw pending
      },
    }
    const test = definedBy(options).find(({ name }) => name === 'is the same for the same bytes')
    await expect(test?.run.call(context)).rejects.toBe(pending)
  })
})

describe('under a runner without skips', () => {
  it('tests that do not apply pass', async () => {
    const test = definedBy(options).find(({ name }) => name === 'is the same for the same bytes')
    await expect(test?.run.call(undefined)).resolves.toBeUndefined()
  })
})

describe('a store that hangs', () => {
  it('fails within the deadline, with the call that hangs', async () => {
    const tests = definedBy({
      ...options,
      deadlineMs: 50,
      open: () => ({
        byteLength: 16 * 4096,
        capabilities: {
          writable: false,
          concurrencyMax: 1,
          callBytesMax: 4096,
          atomicFlush: false,
        },
        read: () => new Promise(() => undefined),
        close: () => undefined,
      }),
    })
    const test = tests.find(({ name }) => name === 'answers with nothing or hole')
    await expect(test?.run.call(undefined)).rejects.toThrow(
      /read of 4096 bytes at 0 has not settled/,
    )
  })
})

describe('wrong options', () => {
  it.each([
    [{ test: {} }, /describe and it/],
    [{ open: undefined }, /open must be a function/],
    [{ reopen: 1 }, /reopen must be a function, not number/],
    [{ opens: 1 }, /unknown option opens/],
    [{ pageBytes: 1000 }, /pageBytes.*1000/],
    [{ byteLength: 4096 }, /byteLength.*4096/],
    [{ kills: 0 }, /kills.*0/],
    [{ seed: 1.5 }, /seed.*1\.5/],
    [{ remove: true }, /remove must be a function/],
  ])('are refused by name: %j', (wrong, message) => {
    const test = { describe, it }
    expect(() => runStoreConformance({ test, ...options, ...wrong } as never)).toThrow(message)
  })

  it('are told apart from a data set that is too small', async () => {
    const small = () => openStore(memoryStore({ byteLength: 4096 }).options)
    const [test] = definedBy({ open: small, reopen: small })
    await expect(test?.run.call(undefined)).rejects.toThrow(/4096 bytes; the tests need 16 pages/)
  })
})
