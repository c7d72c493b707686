// `npm run soak -- [--minutes N] [--seed N] [--store NAME]`: the model test for as long as one
// likes. Prints its seed first, a line a minute, and ends with 1 at the first wrong byte. A store is
// named as in stores.ts, or by the path of a module that exports `modelStores`.

import { parseArgs } from 'node:util'
import { runModel } from './model.ts'
import { findModelStores, modelStoreNames } from './stores.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    store: { type: 'string', default: 'file' },
  },
})
const { store } = values
const minutes = Number(values.minutes)
const seed = values.seed === undefined ? Date.now() % 2 ** 32 : Number(values.seed)
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  const stores = `${modelStoreNames.join('|')}|MODULE`
  console.error(`usage: npm run soak -- [--minutes N] [--seed N] [--store ${stores}]`)
  process.exit(2)
}

const again = `--minutes ${minutes} --seed ${seed} --store ${store}`
console.log(`seed ${seed}: repeat with npm run soak -- ${again}`)
const startMs = performance.now()
let reportMs = startMs
try {
  const summary = await runModel({
    seed,
    durationMs: minutes * 60_000,
    stores: await findModelStores(store),
    onRound(sofar) {
      if (performance.now() - reportMs < 60_000) return
      reportMs = performance.now()
      console.log(`${Math.round((reportMs - startMs) / 60_000)} min: ${JSON.stringify(sofar)}`)
    },
  })
  console.log(`nothing found: ${JSON.stringify(summary)}`)
} catch (error) {
  console.error(`seed ${seed} found something: ${error.stack}`)
  process.exitCode = 1
}
