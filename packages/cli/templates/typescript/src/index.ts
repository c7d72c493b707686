// `sample-store`: a store for UMap for Node.js. `openStore` is what `{ "module": "sample-store" }`
// in a configuration file finds.

export { openStore, sampleStore } from './open.ts'
export type { SampleStoreOptions } from './options.ts'
export type { SampleStore } from './sample-store.ts'
