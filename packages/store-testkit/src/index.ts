// `@umap/store-testkit`: Conformance suite and faulty store for authors of UMap stores.

export {
  type ConformanceDataSet,
  type ConformanceOptions,
  type ConformanceTestRunner,
  conformancePagesMin,
} from './conformance/options.ts'
export { runStoreConformance } from './conformance/run.ts'
