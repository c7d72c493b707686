// `@umap/store-testkit`: Conformance suite and faulty store for authors of UMap stores.

export {
  type ConformanceDataSet,
  type ConformanceOptions,
  type ConformanceTestRunner,
  conformancePagesMin,
} from './conformance/options.ts'
export { runStoreConformance } from './conformance/run.ts'
export type { FaultControl, FaultRecord, FaultReport } from './faulty/fault-control.ts'
export type {
  FaultKind,
  FaultRates,
  FaultStep,
  FaultyCall,
  FaultyStoreOptions,
} from './faulty/fault-options.ts'
export type { FaultyStore } from './faulty/faulty-store.ts'
export { type FaultyStoreRefOptions, faultControl, faultyStore } from './faulty/open.ts'
