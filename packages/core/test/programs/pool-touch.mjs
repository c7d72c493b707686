// Touches of memory by a thread of libuv's pool.

import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

/**
 * Has a thread of the pool touch all of `view`: in a system call that writes it to `file` where such
 * a call waits for absent pages, else by compressing it.
 */
export function touchInPool(region, view, file) {
  return region.stats().faultMode === 'userfaultfd' ? file.write(view) : promisify(gzip)(view)
}
