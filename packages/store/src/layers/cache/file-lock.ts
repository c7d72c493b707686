// Keeps a second opening away from a cache file. Node has no flock(); what the system takes back by
// itself when a process dies is a name that a socket is bound to. Any thread.
//
// It is a courtesy, not what correctness hangs on: two that meet nevertheless, in two network
// namespaces, see each other's blocks as torn, because every read compares a checksum.

import { type BigIntStats, constants } from 'node:fs'
import { createServer, type Server } from 'node:net'

// Systems of BSD's kind lock while they open. Node passes these flags on as they are.
const bsdExclusiveLock = 0x20
const usesBsdLock = ['darwin', 'freebsd', 'openbsd'].includes(process.platform)

/** Flags for `open` that lock the file, on systems that can; EAGAIN says that it is locked. */
export const lockingOpenFlags = usesBsdLock ? bsdExclusiveLock | constants.O_NONBLOCK : 0

/**
 * Locks the file that `stats` describe; the returned function unlocks. Undefined where somebody
 * else, in this process or another one, has locked it. Rejects where the system does not let it.
 */
export async function lockFile(
  stats: Pick<BigIntStats, 'dev' | 'ino'>,
): Promise<(() => Promise<void>) | undefined> {
  const name = `umap-cache-${stats.dev}-${stats.ino}`
  switch (process.platform) {
    case 'linux':
    case 'android':
      return await bindName(`\0${name}`)
    case 'win32':
      return await bindName(`\\\\.\\pipe\\${name}`)
    default:
      if (usesBsdLock) {
        return async () => {}
      }
      throw Object.assign(new Error(`no lock is known on ${process.platform}`), { code: 'ENOSYS' })
  }
}

function bindName(name: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    // Nobody has anything to say here.
    const server: Server = createServer((socket) => socket.destroy())
    server.unref()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') {
        resolve(undefined)
      } else {
        reject(error)
      }
    })
    server.listen({ path: name, exclusive: true }, () => {
      resolve(() => new Promise((closed) => server.close(() => closed())))
    })
  })
}
