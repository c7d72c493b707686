// The ways of taking faults in which the TypeScript tests run beside the machine's own. Decides
// while vitest reads its configuration, before any test.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './child.mjs'

/**
 * @typedef {object} Way
 * @property {import('@umap/native').FaultMode} name as UMAP_FAULTS and region.stats().faultMode
 * @property {string[]} include the tests that run in it
 */

// What a region promises, over each kind of store, and every end of threads and processes.
const everything = [
  'packages/core/test/{attach,closing,deadlocks,exits,fault-ways,host-hangs}.test.ts',
  'packages/core/test/{host-places,javascript-stores,model,model-stores}.test.ts',
  'packages/core/test/{operations,persistence,region-events,system-calls,trouble}.test.ts',
  'packages/core/test/{sparse-file,with-resident}.test.ts',
  'packages/native/test/{environment-ends,region-memory,store-hosts}.test.ts',
  'packages/store-sqlite/test/through-umap.test.ts',
  'examples/test/programs.test.ts',
]
// Beside the signal's, whose handler it shares: what differs, and what nobody wants to be wrong.
const essentials = [
  'packages/core/test/{attach,exits,fault-ways,model,model-stores,operations}.test.ts',
  'packages/core/test/{trouble,with-resident}.test.ts',
]

/** @type {readonly Way[]} */
const ways = [
  { name: 'signal', include: everything },
  { name: 'in-thread', include: essentials },
]

/**
 * The name of the way in which all tests run, the other ways that work here, and what is left out,
 * each with its reason.
 * @returns {Promise<{ own: string, others: Way[], skipped: { name: string, reason: string }[] }>}
 */
export async function findTestWays() {
  const entry = join(root, 'packages/native/dist/index.js')
  // Who chose one way wants no others.
  const chosen = process.env.UMAP_FAULTS || (existsSync(entry) ? '' : 'auto')
  if (chosen !== '') return { own: chosen, others: [], skipped: [] }
  /** @type {import('@umap/native').ProbeFaults} */
  const faults = (await import(entry)).probe().faults
  const skipped = ways.flatMap(({ name }) => {
    if (name === faults.auto) return []
    const way = faults.ways.find(({ mode }) => mode === name)
    return way?.works ? [] : [{ name, reason: way?.reason ?? 'this machine does not have it' }]
  })
  const names = new Set([...skipped.map(({ name }) => name), faults.auto])
  const others = ways.filter(({ name }) => !names.has(name))
  return { own: faults.auto ?? 'none', others, skipped }
}
