// `npm test`: everything that a change has to pass, cheapest first, stopping at the first that
// fails. vitest comes last, so that its summary is the last thing on the screen, and what was not
// run, with the reasons, right behind it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { audit, auditExitCodes } from './audit.mjs'
import { run, runNode } from './child.mjs'
import { testConfined } from './confined-tests.mjs'
import { prepareOrExit } from './prepare.mjs'
import { installS3Server } from './s3-server.mjs'

const steps = [
  { name: 'tidy', start: () => runNode('scripts/tidy.mjs') },
  // Without a registry that answers, the tests can go on.
  { name: 'audit', start: async () => (audit() === auditExitCodes.found ? 1 : 0) },
  { name: 'S3 server for the tests', start: installS3Server },
  { name: 'C++ tests', start: () => run('npm', ['run', '--silent', 'test:native']) },
  { name: 'model test and demo, confined', start: testConfined },
  {
    name: 'TypeScript tests',
    start: () => runNode('node_modules/vitest/vitest.mjs', ['run', ...process.argv.slice(2)]),
  },
]

/** Resolves to the exit code of the first step that fails, or 0. */
async function runSteps() {
  for (const step of steps) {
    console.log(`\n== ${step.name}`)
    const code = await step.start()
    if (code !== 0) {
      console.error(`umap: ${step.name} failed`)
      return code
    }
  }
  return 0
}

await prepareOrExit()
const directory = mkdtempSync(join(tmpdir(), 'umap-test-skips-'))
// Every step adds what it leaves out; the last one prints it.
process.env.UMAP_TEST_SKIPS = join(directory, 'skips')
try {
  process.exitCode = await runSteps()
} finally {
  rmSync(directory, { recursive: true, force: true })
}
