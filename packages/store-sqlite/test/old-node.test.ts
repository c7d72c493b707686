// A Node that better-sqlite3 would crash gets an error that says so, at import time.

import { expect, it } from 'vitest'
import { isSupported } from './supported.ts'

const reason = /needs Node\.js 22\.2 or later, and this is \d+\.\d+/

// skipped: on a Node that is new enough the import succeeds, as all other tests show
it.skipIf(isSupported)('importing-on-an-old-node-is-an-error', async () => {
  await expect(import('@umap/store-sqlite')).rejects.toMatchObject({
    name: 'StoreError',
    code: 'STORE_UNSUPPORTED',
    retryable: false,
    message: expect.stringMatching(reason),
  })
})

// skipped: where it is the one that decides, this Node is too old to load the check
it.skipIf(!isSupported)('the-check-knows-which-nodes-are-old', async () => {
  const { checkNodeVersion } = await import('../src/check-node.ts')
  for (const version of ['18.20.1', '20.19.0', '21.9.0', '22.0.0', '22.1.9']) {
    expect(() => checkNodeVersion(version), version).toThrow(reason)
  }
  for (const version of ['22.2.0', '22.23.3', '24.0.0', '26.10.0']) {
    expect(() => checkNodeVersion(version), version).not.toThrow()
  }
})

// skipped: as above; where it runs, the error has crossed from the store host
it.skipIf(isSupported)('umap-on-an-old-node-says-why-the-store-cannot-be-opened', async () => {
  const { umap } = await import('@umap/core')
  const store = { module: '@umap/store-sqlite', options: { path: '/x' }, parent: import.meta.url }
  await expect(umap({ store })).rejects.toMatchObject({
    message: expect.stringMatching(reason),
  })
})
