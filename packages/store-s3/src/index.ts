// `@umap/store-s3`: a store over one S3 object, or over a data set of many.

export { type S3ErrorCode, s3ErrorCodes } from './errors.ts'
export { openStore, s3Store } from './open.ts'
export type {
  CheckedClientOptions,
  S3ClientOptions,
  S3StoreOptions,
  S3StoreRefOptions,
} from './options.ts'
export type { S3StoreStats } from './stats.ts'
