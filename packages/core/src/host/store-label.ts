// A short name of a store for messages: what tells it from others, and no secrets. Pure.

import type { StoreRef } from '@umap/store'

// Options that stores use to say which object they open. Others may be credentials.
const tellingOptions = ['path', 'bucket', 'key', 'prefix', 'name'] as const

/** Such as `/data/points.f64`, `bucket/key`; the module's own name where the options tell nothing. */
export function storeLabel(ref: StoreRef): string {
  const module = ref.url.split(/[?#]/, 1)[0]?.split('/').slice(-2).join('/') || ref.url
  const options = ref.options
  if (options === null || typeof options !== 'object') {
    return module
  }
  // A layer is called by the store below it: several stores may have the same layer.
  const below: unknown = Reflect.get(options, 'store')
  if (
    below !== null &&
    typeof below === 'object' &&
    typeof Reflect.get(below, 'url') === 'string'
  ) {
    return storeLabel(below as StoreRef)
  }
  const told = tellingOptions.flatMap((name) => {
    const value: unknown = Reflect.get(options, name)
    return typeof value === 'string' ? [value] : []
  })
  return told.length === 0 ? module : told.join('/')
}
