// Refuses a Node that better-sqlite3 13 cannot run on. Its addon ends such a process with a
// segmentation fault, so this module is imported before it, by the one module that imports it.

import { StoreError, storeErrorCodes } from '@umap/store'

/** The first release with everything needed: better-sqlite3's Node-API, and zlib's `crc32`. */
const oldest = { major: 22, minor: 2 }

/** Throws a {@link StoreError} with the code 'STORE_UNSUPPORTED' where `version` is too old. */
export function checkNodeVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
    const needed = `${oldest.major}.${oldest.minor}`
    throw new StoreError(
      `@umap/store-sqlite needs Node.js ${needed} or later, and this is ${version}: ` +
        'better-sqlite3 13, on which it is built, crashes on older ones',
      { code: storeErrorCodes.unsupported },
    )
  }
}

checkNodeVersion(process.versions.node)
