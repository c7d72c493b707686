// The public face of `@umap/native`: the addon, its error and its types. Knows no concrete store.

export { type HostCall, hostOps, type OnHostCall } from './host-call.ts'
export { loadNative } from './load.ts'
export type { NativeBinding } from './native-binding.ts'
export { NativeError } from './native-error.ts'
export type {
  BufferId,
  ClientId,
  FaultChoice,
  FaultMode,
  HostCallStats,
  HostId,
  HostLinkId,
  NativeBufferStats,
  NativeFileStoreSpec,
  NativeHostStoreSpec,
  NativeLatency,
  NativeMappedDataset,
  NativeRegionEvent,
  NativeRegionInfo,
  NativeRegionStats,
  NativeStoreSpec,
  RegionId,
} from './native-types.ts'
export { probe } from './probe.ts'
export type * from './probe-report.ts'
