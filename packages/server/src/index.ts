// `@umap/server`: one process pages data sets for many, which share its resident pages.

export type { AllowRule, DatasetOptions, LimitOptions, ServeOptions } from './serve-options.ts'
