// `@umap/core/shared`: what `@umap/server` needs of this package beside what applications use. Not
// for applications: names and shapes here follow the two packages' needs.

export { at, type CallSite, captureCallSite } from './caller.ts'
export {
  checkBoolean,
  checkChoice,
  checkInteger,
  checkKnownKeys,
  checkObject,
  show,
} from './check.ts'
export { type ClientRegionParts, clientRegion } from './client-region.ts'
export { type Engine, loadEngine } from './engine-access.ts'
export { UmapError, umapErrorCodes } from './errors.ts'
export { reportLine } from './host/direct-output.ts'
export { toUmapError } from './native-errors.ts'
export type { Access } from './options.ts'
export {
  checkBufferOptions,
  PageBuffer,
  type PageBufferOptions,
  type PageBufferStats,
} from './page-buffer.ts'
export { checkPageBytes, defaultPageBytes } from './page-bytes.ts'
export type { Region } from './region.ts'
export type { LatencyStats, RegionStats } from './region-stats.ts'
export {
  checkCanServe,
  openSharedRegion,
  type SharedRegion,
  type SharedRegionOptions,
} from './shared-region.ts'
