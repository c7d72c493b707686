// Two files, whose I/O the engine does, and two stores in the host that fail now and then.

import { closeSync, ftruncateSync, openSync } from 'node:fs'
import path from 'node:path'
import { type StoreRef, storeRef } from '@umap/store'
import { fileStore } from '@umap/store-file'
import { faultyStoreOptions, slot } from '../../stores/faulty-store.mjs'
import type { ModelStore } from '../model-store.ts'
import type { Random } from '../random.mjs'

/** See `ModelStores`. */
export function modelStores(random: Random, folder: string): ModelStore[] {
  const byteLength = () => 2 ** 20 + random.integer(2 ** 20)
  return [
    fileOf('a file', path.join(folder, 'buffered'), byteLength(), false),
    fileOf('a file with O_DIRECT', path.join(folder, 'direct'), byteLength(), true),
    hostedOf('a store in the host', byteLength()),
    hostedOf('another store in the host', byteLength()),
  ]
}

function fileOf(name: string, file: string, byteLength: number, direct: boolean): ModelStore {
  const descriptor = openSync(file, 'w')
  ftruncateSync(descriptor, byteLength)
  closeSync(descriptor)
  const ref = { ...fileStore({ path: file, direct }), nativeFd: true } as StoreRef
  return { name, byteLength, ref }
}

function hostedOf(name: string, byteLength: number): ModelStore {
  const { options, control } = faultyStoreOptions(byteLength)
  const ref = storeRef(new URL('../../stores/faulty-store.mjs', import.meta.url), options)
  // The same memory without the control, so that a look at it meets no faults.
  const calm = { ...options, control: faultyStoreOptions(0).options.control }
  return {
    name,
    byteLength,
    ref,
    durableRef: storeRef(new URL(ref.url), calm),
    disturb(random) {
      Atomics.store(control, slot.retryable, 1)
      Atomics.store(control, slot.readsToFail, random.integer(3))
      Atomics.store(control, slot.writesToFail, random.integer(3))
    },
  }
}
