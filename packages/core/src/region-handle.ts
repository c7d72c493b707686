// A region's handle: plain data that goes to another thread of the process. Pure.

import { checkObject, show } from './check.ts'
import type { Access } from './options.ts'

/** Made by `Region.handle`, taken by `attach`. Its fields are not for applications. */
export interface RegionHandle {
  readonly type: 'umap.region'
  readonly processId: number
  readonly regionId: number
  readonly byteLength: number
  readonly pageBytes: number
  readonly access: Access
  readonly shared: boolean
}

/** Returns `value` if it is the handle of a region of this process, else throws a `TypeError`. */
export function checkHandle(value: unknown): RegionHandle {
  const handle = checkObject(value, 'handle') as Partial<RegionHandle>
  if (handle.type !== 'umap.region' || typeof handle.regionId !== 'number') {
    throw new TypeError(`handle must come from region.handle, not ${show(value)}`)
  }
  if (handle.processId !== process.pid) {
    throw new TypeError(
      `handle is of process ${handle.processId}: a region can be attached to by threads of its ` +
        'own process only',
    )
  }
  return handle as RegionHandle
}
