// The model test and the demo where userfaultfd is refused, and as a user without privilege: what
// a machine's best way of taking faults is for others. A step of `npm test`.
import { appendFileSync } from 'node:fs'
import { pinnedNode } from './child.mjs'
import { findObstacle, runConfined } from './confinement.mjs'

// A model test needs no S3 server a second time; of the demo's tests, its run.
const demo = 'regions take faults|sorts-and-verifies'
const both = `${demo}|every byte read.*(over (memory|sqlite)|$)`

/** @type {{ name: string, confinement: import('./confinement.mjs').Confinement, names: string }[]} */
const cases = [
  { name: 'without userfaultfd', confinement: { refuse: 'all' }, names: both },
  { name: 'as nobody', confinement: { asNobody: true }, names: both },
  {
    name: 'as nobody, without userfaultfd',
    confinement: { asNobody: true, refuse: 'missing' },
    names: demo,
  },
]

const tests = [
  // Unlike the others it writes nothing into node_modules, which may be somebody else's.
  '--configLoader=native',
  'packages/core/test/fault-ways.test.ts',
  'packages/core/test/model.test.ts',
  'packages/core/test/model-stores.test.ts',
  'examples/test/demo.test.ts',
]

/** Resolves to the exit code of the first case that fails, or 0. */
export async function testConfined() {
  for (const { name, confinement, names } of cases) {
    const obstacle = findObstacle(confinement)
    if (obstacle !== undefined) {
      noteSkipped(`the model test and the demo ${name}`, obstacle)
      continue
    }
    console.log(`-- ${name}`)
    const args = ['node_modules/vitest/vitest.mjs', 'run', ...tests, '-t', names]
    const variables = { UMAP_FAULTS: 'auto', UMAP_TEST_BRIEF: '1' }
    const code = await runConfined(pinnedNode(), args, confinement, variables)
    if (code !== 0) return code
  }
  return 0
}

/**
 * @param {string} what
 * @param {string} why
 */
function noteSkipped(what, why) {
  console.log(`skipped: ${what}: ${why}`)
  const file = process.env.UMAP_TEST_SKIPS
  if (file !== undefined) appendFileSync(file, `${what}\t${why}\n`)
}
