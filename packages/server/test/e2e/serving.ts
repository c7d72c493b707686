// `umap serve` as a user starts it: the command, a configuration file, a supervisor and the server
// process under it.

import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServeOptions } from '@umap/server'
import { onTestFinished } from 'vitest'
import { childrenOf, type Running, startNode } from './processes.ts'

const command = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url))

/** A configuration in which stores are named by module. */
export type Config = Omit<ServeOptions, 'socket'> & { readonly socket?: string }

/** A supervisor with its server. */
export interface Serving {
  readonly socket: string
  readonly supervisor: Running
  /** The server process that lives now; undefined between two. */
  readonly serverPid: () => number | undefined
  /** Ends it by SIGTERM; resolves with the exit code. */
  readonly close: () => Promise<number | null>
}

/** The module of a store package, as a configuration names it. */
export function storeModule(name: 'store-file' | 'store-sqlite'): string {
  return fileURLToPath(new URL(`../../../${name}/dist/index.js`, import.meta.url))
}

/**
 * Starts `umap serve` in `directory`; resolves when it listens. `onStart` is given the supervisor's
 * id before it has started a server.
 */
export async function startServing(
  directory: string,
  config: Config,
  onStart: (pid: number) => void = () => undefined,
): Promise<Serving> {
  const socket = path.join(directory, 'socket')
  const file = path.join(directory, 'serve.json')
  await writeFile(file, JSON.stringify({ socket, ...config }))
  const supervisor = startNode(command, ['serve', file])
  // First of all at the end: a server that was stopped by a test holds what the supervisor prints to.
  onTestFinished(() => {
    supervisor.child.kill('SIGKILL')
    for (const pid of childrenOf(supervisor.pid)) process.kill(pid, 'SIGKILL')
  })
  onStart(supervisor.pid)
  await supervisor.prints(/^listening at /m)
  return {
    socket,
    supervisor,
    serverPid: () => childrenOf(supervisor.pid).at(-1),
    close: async () => {
      supervisor.child.kill('SIGTERM')
      const { code } = await supervisor.ended
      return code
    },
  }
}
