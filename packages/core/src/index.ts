// `@umap/core`: maps store objects into ordinary `ArrayBuffer`s, filled page by page when touched.

export { type FaultChoice, type FaultMode, type ProbeReport, probe } from '@umap/native'
export {
  UmapError,
  type UmapErrorCode,
  type UmapErrorOptions,
  type UmapErrorPlace,
  umapErrorCodes,
} from './errors.ts'
export type { Access, UmapOptions } from './options.ts'
export { PageBuffer, type PageBufferOptions, type PageBufferStats } from './page-buffer.ts'
export type { Pin } from './pin.ts'
export type { Range } from './range.ts'
export type { PrefaultOptions, Region } from './region.ts'
export type { PressureEvent, RegionEventMap, StallEvent } from './region-events.ts'
export type { RegionHandle } from './region-handle.ts'
export type { LatencyStats, RegionStats } from './region-stats.ts'
export { attach, umap } from './umap.ts'
export type { TypedArrayConstructor, ViewConstructor, ViewOf } from './view.ts'
