// The sealed store in the model test of @umap/core: threads, regions and one small buffer, and every
// byte compared with plain memory.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
// The model is TypeScript, with declarations by `using`, that Node has to run as it is.
const runsModel = Number(process.versions.node.split('.')[0]) >= 24

// skipped: the model needs Node 24
it.skipIf(!runsModel)(
  'every byte read is the sealed store’s, every byte written reaches it',
  async () => {
    const soak = ['packages/core/test/soak/soak.mjs', '--minutes', '0.05']
    const stores = ['--store', 'examples/test/sealed-model-stores.mjs']
    const seed = process.env.UMAP_MODEL_SEED
    const child = spawn(
      process.execPath,
      [...soak, ...stores, ...(seed === undefined ? [] : ['--seed', seed])],
      {
        cwd: root,
        env: { ...process.env, UMAP_EXAMPLE_KEY: randomBytes(32).toString('hex') },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    const [[code], stdout, stderr] = await Promise.all([
      once(child, 'exit') as Promise<[number | null]>,
      text(child.stdout),
      text(child.stderr),
    ])
    console.log(stdout.split('\n')[0])
    expect(code, stderr).toBe(0)
    const found = /nothing found: (\{.*\})/.exec(stdout)?.[1] ?? '{}'
    const { rounds, evictions, writeBacks } = JSON.parse(found)
    for (const count of [rounds, evictions, writeBacks]) expect(count).toBeGreaterThan(0)
  },
  60_000,
)
