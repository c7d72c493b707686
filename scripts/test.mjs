// `npm test`: everything that a change has to pass, cheapest first, stopping at the first that
// fails. vitest comes last, so that its summary is the last thing on the screen.
import { run, runNode } from './child.mjs'
import { prepareOrExit } from './prepare.mjs'
import { installS3Server } from './s3-server.mjs'

const steps = [
  { name: 'tidy', start: () => runNode('scripts/tidy.mjs') },
  { name: 'S3 server for the tests', start: installS3Server },
  { name: 'C++ tests', start: () => run('npm', ['run', '--silent', 'test:native']) },
  {
    name: 'TypeScript tests',
    start: () => runNode('node_modules/vitest/vitest.mjs', ['run', ...process.argv.slice(2)]),
  },
]

await prepareOrExit()
for (const step of steps) {
  console.log(`\n== ${step.name}`)
  const code = await step.start()
  if (code !== 0) {
    console.error(`umap: ${step.name} failed`)
    process.exit(code)
  }
}
