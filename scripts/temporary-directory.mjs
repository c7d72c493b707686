// Gives one run of the tests a temporary directory of its own, so that nothing is left behind by
// programs that a test kills, or that end before they can clean up. Runs in vitest's main process,
// before the first test; its workers and their children inherit TMPDIR.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Called by vitest before the first test; what it returns, after the last. */
export function setup() {
  const directory = mkdtempSync(join(tmpdir(), 'umap-test-run-'))
  // Like /tmp: some tests run programs as another user.
  chmodSync(directory, 0o1777)
  process.env.TMPDIR = directory
  return () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}
