// The shortest way to use the suite: one data set for all tests, whatever they ask for, as long as
// it has a few pages. What earlier tests left in it must not matter.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openStore } from '@umap/store-file'
import { runStoreConformance } from '@umap/store-testkit'
import { afterAll, describe, it } from 'vitest'

const folder = mkdtempSync(path.join(tmpdir(), 'umap-one-data-set-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

for (const [name, byteLength] of [
  ['whole pages', 16 * 4096],
  ['a tail', 40 * 4096 + 1],
] as const) {
  const file = path.join(folder, `${byteLength}`)
  runStoreConformance({
    name: `one file with ${name}`,
    test: { describe, it },
    open: () => openStore({ path: file, create: true, byteLength }),
    reopen: () => openStore({ path: file }),
  })
}
