// Types of sealed-store.mjs, for programs in TypeScript.

import type { OpenStoreContext, PageStore, StoreRef, StoreSource } from '@umap/store'

/** Options of `sealedStore`; what they mean stands in sealed-store.mjs. */
export interface SealedStoreOptions {
  readonly store: StoreSource
  readonly key: { readonly env: string } | { readonly module: string; readonly exportName?: string }
  readonly create?: boolean
  readonly byteLength?: number
  readonly pageBytes?: number
  readonly epochMin?: number
}

/** An open sealed store. */
export interface SealedStore extends Required<Omit<PageStore, 'version'>> {
  readonly version: string
  readonly epoch: number
}

export function sealedByteLength(byteLength: number, pageBytes?: number): number
export function sealedStore(options: SealedStoreOptions): StoreRef<SealedStoreOptions>
export function openStore(
  options: SealedStoreOptions,
  context?: OpenStoreContext,
): Promise<SealedStore>
