// `@umap/server`: one process pages data sets for many, which share its resident pages.

export { Client, type MapOptions } from './client.ts'
export { type ConnectOptions, connect } from './connect.ts'
export { readServerStats } from './read-server-stats.ts'
export { serve } from './serve.ts'
export type {
  AllowRule,
  DatasetOptions,
  LimitOptions,
  ServeOptions,
} from './serve-options.ts'
export type { Server, ServerEventMap } from './server.ts'
export type {
  ClientFaultStats,
  ClientMappingStats,
  ClientStats,
  DatasetStats,
  ServerStats,
} from './server-stats.ts'
