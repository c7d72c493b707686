// open-as.mjs FILE ACCESS UID: opens the data set in FILE as another user and prints as JSON what
// came of it: the error, or what can be done and the first byte.
import { openStore } from '@umap/store-sqlite'
import Database from 'better-sqlite3'

const [file, access, uid] = process.argv.slice(2)
// Loads the addon while that is still permitted.
new Database(':memory:').close()
process.setgid?.(Number(uid))
process.setuid?.(Number(uid))

/** @type {Record<string, unknown>} */
let answer
try {
  const given = access === 'read-only' || access === 'read-write' ? { access } : {}
  const store = await openStore({ path: file ?? '' }, /** @type {object} */ (given))
  const bytes = new Uint8Array(store.byteLength)
  store.read(0, bytes)
  answer = { writable: store.capabilities.writable, first: bytes[0] }
  await store.close()
} catch (error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error)
  answer = { code, message }
}
process.stdout.write(JSON.stringify(answer))
