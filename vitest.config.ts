// Runs the TypeScript tests of every package. Built packages are loaded by Node itself, not by
// vite, so that a test meets the same modules, workers and addon that an application meets. All run
// in the machine's own way of taking faults, some in its other ways too.
import { defineConfig } from 'vitest/config'
import { SkipsReporter } from './scripts/skips-reporter.mjs'
import { findTestWays } from './scripts/test-ways.mjs'

const { own, others, skipped } = await findTestWays()

const shared = {
  pool: 'forks' as const,
  testTimeout: 30_000,
  hookTimeout: 30_000,
  teardownTimeout: 10_000,
  includeTaskLocation: true,
  server: { deps: { external: [/\/(packages\/[^/]+|examples|bench)\/dist\//] } },
}

// Clients bring their userfaultfd.
const hasClients = own.startsWith('userfaultfd')
const ofClients = [
  'packages/server/test/{access,client-exits,connect,supervise-clients}.test.ts',
  'packages/server/test/e2e/*.test.ts',
]
if (!hasClients) skipped.push({ name: 'clients of a server', reason: 'they need userfaultfd' })

const all = {
  test: {
    ...shared,
    name: own,
    include: ['{packages/*,examples,bench,scripts}/test/**/*.test.ts'],
    exclude: ['**/node_modules/**', ...(hasClients ? [] : ofClients)],
  },
}

const some = others.map(({ name, include }) => ({
  test: {
    ...shared,
    name,
    include,
    env: { UMAP_FAULTS: name, UMAP_TEST_WAY: name, UMAP_TEST_BRIEF: '1' },
  },
}))

// What every region promises, of regions whose pages a server in the same process has.
const clients = {
  test: {
    ...shared,
    name: 'client',
    include: ['packages/core/test/{attach,closing,operations,with-resident}.test.ts'],
    env: { UMAP_TEST_REGIONS: 'client', UMAP_TEST_WAY: 'client' },
  },
}

export default defineConfig({
  test: {
    projects: [all, ...some, ...(hasClients ? [clients] : [])],
    // The first is undone last.
    globalSetup: [
      'scripts/temporary-directory.mjs',
      'packages/store-s3/test/server/global-setup.ts',
    ],
    reporters: ['default', new SkipsReporter(skipped)],
    maxWorkers: 2,
    passWithNoTests: true,
  },
})
