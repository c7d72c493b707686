// A directory for the databases of one test file, removed when its tests are done.

import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

/**
 * Returns a function that gives a path that nobody has used before. The directory is made, in
 * `parent`, by its first call.
 */
export function temporaryDirectory(parent: string = tmpdir()): () => string {
  let directory: string | undefined
  let count = 0
  afterAll(() => {
    if (directory !== undefined) {
      rmSync(directory, { recursive: true, force: true })
    }
  })
  return () => {
    directory ??= realpathSync(mkdtempSync(path.join(parent, 'umap-store-sqlite-')))
    return path.join(directory, `${count++}.db`)
  }
}
