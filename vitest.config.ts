// Runs the TypeScript tests of every package. Built packages are loaded by Node itself, not by
// vite, so that a test meets the same modules, workers and addon that an application meets.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{packages/*,examples,bench,scripts}/test/**/*.test.ts'],
    // The first is undone last.
    globalSetup: [
      'scripts/temporary-directory.mjs',
      'packages/store-s3/test/server/global-setup.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    passWithNoTests: true,
    server: { deps: { external: [/\/(packages\/[^/]+|examples|bench)\/dist\//] } },
  },
})
