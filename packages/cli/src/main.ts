#!/usr/bin/env node
// The `umap` command's entry. The exit code is set, never forced, so that a pipe gets all of the
// output.
import { run } from './run.ts'

// Whoever reads our output may stop early, as `head` does: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

process.exitCode = await run(process.argv.slice(2), process)
