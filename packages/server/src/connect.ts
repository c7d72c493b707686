// `connect()`: from a socket's path to a client. Runs in the thread that is going to map.

import { constants } from 'node:os'
import {
  at,
  captureCallSite,
  checkInteger,
  checkKnownKeys,
  checkObject,
  loadEngine,
  show,
  toUmapError,
  UmapError,
} from '@umap/core/shared'
import { Client } from './client.ts'

/** Options of `connect()`. */
export interface ConnectOptions {
  /**
   * How long `connect()` tries, and how long a server may say nothing before it counts as gone for
   * good, in milliseconds. Default 30,000. A server that is started again within that time is not
   * noticed, but for the wait.
   */
  readonly serverTimeoutMs?: number
}

const defaultServerTimeoutMs = 30_000
const serverTimeoutMsMin = 100
const serverTimeoutMsMax = 2 ** 31 - 1

/** What the kernel says to a process that may not, or cannot, have its page faults answered. */
const refusals: readonly unknown[] = [constants.errno.EPERM, constants.errno.ENOSYS]

/** There is no other way to take faults that another process answers. */
const onlyWay = {
  faults: 'userfaultfd',
  faultsText: "mapping a server's data sets",
  isOnlyWay: true,
} as const

/**
 * Connects to the server at the Unix socket `path`, and hands it this process's page faults.
 *
 * Rejects with a `TypeError` or `RangeError` that names the argument, and with a `UmapError`:
 * UMAP_SERVER_GONE where no server answers in time, UMAP_PERMISSION where it refuses this user, or
 * where this process may have no userfaultfd, UMAP_UNSUPPORTED where the kernel has none. The stack
 * is that of the caller. The mechanism is userfaultfd(2), handed over by SCM_RIGHTS of unix(7).
 */
export async function connect(path: string, options: ConnectOptions = {}): Promise<Client> {
  const site = captureCallSite(connect)
  try {
    checkPath(path)
    checkObject(options, 'options')
    checkKnownKeys(options, ['serverTimeoutMs'], 'connect')
    const { serverTimeoutMs = defaultServerTimeoutMs } = options
    checkInteger(serverTimeoutMs, 'serverTimeoutMs', serverTimeoutMsMin, serverTimeoutMsMax)
    return await open(path, serverTimeoutMs)
  } catch (error) {
    const isForCaller =
      error instanceof UmapError || error instanceof TypeError || error instanceof RangeError
    throw isForCaller ? at(error, site) : error
  }
}

function checkPath(path: unknown): void {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new TypeError(`path must be the path of a server's Unix socket, not ${show(path)}`)
  }
}

async function open(path: string, serverTimeoutMs: number): Promise<Client> {
  const { native } = loadEngine()
  try {
    return new Client(native, await native.clientConnect(path, { serverTimeoutMs }))
  } catch (error) {
    const doing = `cannot connect to ${path}`
    const isRefused = refusals.includes((error as { errno?: unknown }).errno)
    throw toUmapError(error, 'connect', doing, isRefused ? onlyWay : undefined)
  }
}
