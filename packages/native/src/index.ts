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
  KeeperId,
  LedgerId,
  NativeAllowRule,
  NativeBufferStats,
  NativeFileStoreSpec,
  NativeHostStoreSpec,
  NativeKeptDataset,
  NativeLatency,
  NativeMappedDataset,
  NativeRegionEvent,
  NativeRegionInfo,
  NativeRegionStats,
  NativeServerLimits,
  NativeStoreSpec,
  RegionId,
  ServerId,
} from './native-types.ts'
export { probe } from './probe.ts'
export type * from './probe-report.ts'
