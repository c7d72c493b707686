// The stores that a run can be given by name. Each is loaded when it is asked for: a store may need
// a newer Node, or packages that others have not.

import { pathToFileURL } from 'node:url'
import type { ModelStores } from './model-store.ts'

/** Names of the stores in stores/. */
export const modelStoreNames = ['file', 'memory', 'sqlite', 's3'] as const

/**
 * The stores of this name; any other text is the path of a module that exports `modelStores`, a
 * {@link ModelStores}, for stores of other packages.
 */
export async function findModelStores(name: string): Promise<ModelStores> {
  const isKnown = modelStoreNames.some((known) => known === name)
  const url = isKnown ? new URL(`./stores/${name}.ts`, import.meta.url) : pathToFileURL(name)
  const { modelStores } = (await import(url.href)) as { modelStores?: unknown }
  if (typeof modelStores !== 'function') {
    throw new TypeError(`${name} exports no function modelStores`)
  }
  return modelStores as ModelStores
}
