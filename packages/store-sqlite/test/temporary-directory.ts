// A directory for the databases of one test file, removed when its tests are done.

import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

/** Makes the directory, and returns a function that gives a path that nobody has used before. */
export function temporaryDirectory(): () => string {
  const directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'umap-store-sqlite-')))
  let count = 0
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return () => path.join(directory, `${count++}.db`)
}
