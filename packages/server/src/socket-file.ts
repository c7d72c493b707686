// The file of a server's socket, as long as it is the one that the server made: another server may
// have taken the path since. Never waits for anybody.

import { lstatSync, rmSync } from 'node:fs'

/** Tells a file from a later one at the same path. */
export interface SocketFile {
  readonly path: string
  readonly id: string | undefined
}

/** The file that is at `path` now. */
export function socketFileAt(path: string): SocketFile {
  return { path, id: idOf(path) }
}

/** Removes the file, if it is still there. */
export function removeSocketFile({ path, id }: SocketFile): void {
  if (id !== undefined && idOf(path) === id) rmSync(path, { force: true })
}

function idOf(path: string): string | undefined {
  const file = lstatSync(path, { throwIfNoEntry: false })
  return file === undefined ? undefined : `${file.dev}:${file.ino}`
}
