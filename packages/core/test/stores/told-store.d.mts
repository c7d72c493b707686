export interface ToldStoreOptions {
  readonly kind?: 'sync' | 'async' | 'told'
  readonly path: string
  readonly orders: string
  readonly report: string
  readonly concurrencyMax?: number
  readonly callBytesMax?: number
}
export interface ToldStoreReport {
  readonly pid: number
  readonly opened?: true
  readonly closed?: true
  readonly hangs?: true
  readonly descriptors?: readonly string[]
  readonly mark?: unknown
}
export function tell(options: ToldStoreOptions, order: string): void
export function reports(options: ToldStoreOptions): ToldStoreReport[]
