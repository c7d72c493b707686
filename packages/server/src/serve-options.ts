// The options of `serve()`, which are those of a configuration file too, checked and completed with
// defaults. Messages name the option by its whole path. Pure; opens and touches nothing.

import {
  type Access,
  checkBufferOptions,
  checkChoice,
  checkInteger,
  checkKnownKeys,
  checkObject,
  checkPageBytes,
  defaultPageBytes,
  type PageBufferOptions,
  show,
} from '@umap/core/shared'
import { resolveStoreRef, StoreError, type StoreRef, type StoreSource } from '@umap/store'

/** Who may map a data set. A rule that names both a user and a group asks for both. */
export interface AllowRule {
  /** User of the client's process, as the kernel says it. */
  readonly uid?: number
  /** A group of the client's process; supplementary groups count. */
  readonly gid?: number
  /** The most that such a client gets. Default: the data set's `access`. */
  readonly access?: Access
}

/** One data set of a server. */
export interface DatasetOptions {
  /** What a factory such as `fileStore` made, or `{ module, options }`. */
  readonly store: StoreSource
  /** Default 'read-only': no client's write ever reaches the store. */
  readonly access?: Access
  /** Unit of transfer: a power of two from the system's page to 1 GiB. Default 64 KiB. */
  readonly pageBytes?: number
  /** Pages that are read ahead at most; 0 is none. Default: as in `umap()`. */
  readonly readAhead?: number
  /** Where a JavaScript store runs. Default 'worker'. */
  readonly host?: 'worker' | 'process'
  /** Default: the server's own user, and root. A list takes the place of that. */
  readonly allow?: readonly AllowRule[]
}

/** What one client, and all of them, may take. Above it a request fails, or faults wait. */
export interface LimitOptions {
  /** Clients at a time. Default 256. */
  readonly clientsMax?: number
  /** Mappings of one client. Default 64. */
  readonly mappingsMax?: number
  /** Bytes that one client keeps pinned. Default: a quarter of `buffer.bytes`, else 1 GiB. */
  readonly pinnedBytesMax?: number
  /** Faults of one client that wait to be filled; further ones stay in the kernel. Default 256. */
  readonly faultsInFlightMax?: number
}

/** Options of `serve()`; a configuration file has the same, as JSON. */
export interface ServeOptions {
  /** Path of the Unix socket, 107 bytes at most. */
  readonly socket: string
  /** Mode of the socket's file, octal. Default '0600': clients of the server's own user. */
  readonly socketMode?: string
  /** Default: adaptive, half of the available memory. */
  readonly buffer?: PageBufferOptions
  /** Data sets by name. */
  readonly datasets: Readonly<Record<string, DatasetOptions>>
  readonly limits?: LimitOptions
  /** Prometheus text at http://127.0.0.1:PORT/metrics; 0 takes a free port. Default: none. */
  readonly metrics?: { readonly port: number }
}

/** A data set with nothing left open. */
export interface ResolvedDataset {
  readonly name: string
  readonly store: StoreRef
  readonly opensInCaller: boolean
  readonly access: Access
  readonly pageBytes: number
  /** -1 leaves it to the engine. */
  readonly readAheadPagesMax: number
  readonly host: 'worker' | 'process'
  /** Undefined: the server's own user, and root. */
  readonly allow: readonly AllowRule[] | undefined
}

/** Options with nothing left open but what the engine knows best. */
export interface ResolvedServeOptions {
  readonly socket: string
  readonly socketMode: number
  readonly buffer: PageBufferOptions
  readonly datasets: readonly ResolvedDataset[]
  readonly limits: LimitOptions
  readonly metricsPort: number | undefined
}

const socketPathBytesMax = 107
const nameBytesMax = 255
const idMax = 2 ** 32 - 2
const accessChoices: readonly Access[] = ['read-only', 'read-write']

/**
 * Checks and completes `options`. `defaults` are what the environment says.
 *
 * Throws a `TypeError` or `RangeError` that names the option and its value.
 */
export function resolveServeOptions(
  options: ServeOptions,
  defaults: { readonly pageBytes?: number; readonly readAheadPages?: number } = {},
): ResolvedServeOptions {
  checkObject(options, 'options')
  const known = ['socket', 'socketMode', 'buffer', 'datasets', 'limits', 'metrics']
  checkKnownKeys(options, known, 'serve')
  if (options.buffer !== undefined) checkBufferOptions(options.buffer, 'buffer.')
  const entries = Object.entries(checkObject(options.datasets, 'datasets'))
  if (entries.length === 0) throw new RangeError('datasets must name at least one data set')
  const datasets = entries.map(([name, dataset]) => resolveDataset(name, dataset, defaults))
  checkBufferHolds(datasets, options.buffer?.bytes)
  return {
    socket: checkSocket(options.socket),
    socketMode: resolveMode(options.socketMode),
    buffer: { ...options.buffer },
    datasets,
    limits: resolveLimits(options.limits, datasets, options.buffer?.bytes),
    metricsPort: resolveMetrics(options.metrics),
  }
}

function checkSocket(socket: unknown): string {
  if (typeof socket !== 'string' || socket === '' || socket.includes('\0')) {
    throw new TypeError(`socket must be the path of a Unix socket, not ${show(socket)}`)
  }
  const bytes = Buffer.byteLength(socket)
  if (bytes > socketPathBytesMax) {
    const limit = `at most ${socketPathBytesMax} bytes long, which is what the kernel takes`
    throw new RangeError(`socket must be ${limit}, not ${bytes}: '${socket}'`)
  }
  return socket
}

function resolveMode(mode: unknown): number {
  if (mode === undefined) return 0o600
  if (typeof mode !== 'string' || !/^0?[0-7]{3}$/.test(mode)) {
    throw new TypeError(`socketMode must be an octal mode such as '0660', not ${show(mode)}`)
  }
  return Number.parseInt(mode, 8)
}

function resolveDataset(
  name: string,
  options: DatasetOptions,
  defaults: { readonly pageBytes?: number; readonly readAheadPages?: number },
): ResolvedDataset {
  checkName(name)
  const path = `datasets.${name}`
  checkObject(options, path)
  const known = ['store', 'access', 'pageBytes', 'readAhead', 'host', 'allow']
  checkKnownKeys(options, known, path)
  const store = resolveStore(options.store, path)
  const access =
    options.access === undefined
      ? 'read-only'
      : checkChoice(options.access, `${path}.access`, accessChoices)
  const readAhead = options.readAhead ?? defaults.readAheadPages
  return {
    name,
    store,
    opensInCaller: store.nativeFd === true,
    access,
    pageBytes:
      options.pageBytes === undefined
        ? (defaults.pageBytes ?? defaultPageBytes)
        : checkPageBytes(options.pageBytes, `${path}.pageBytes`),
    readAheadPagesMax:
      readAhead === undefined ? -1 : checkInteger(readAhead, `${path}.readAhead`, 0, 2 ** 20),
    host:
      options.host === undefined
        ? 'worker'
        : checkChoice(options.host, `${path}.host`, ['worker', 'process']),
    allow:
      options.allow === undefined ? undefined : checkAllow(options.allow, `${path}.allow`, access),
  }
}

// A name goes into log lines and metrics as it is.
function checkName(name: string): void {
  const bytes = Buffer.byteLength(name)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (bytes === 0 || bytes > nameBytesMax || /[\0-\x1f\x7f]/.test(name)) {
    throw new RangeError(
      `the name of a data set must have 1 to ${nameBytesMax} bytes and no control characters, ` +
        `not ${JSON.stringify(name.slice(0, 40))}`,
    )
  }
}

function resolveStore(store: StoreSource | undefined, path: string): StoreRef {
  if (store === undefined) {
    throw new TypeError(`${path}.store must be given: a StoreRef, or { module, options }`)
  }
  try {
    return resolveStoreRef(store)
  } catch (error) {
    if (error instanceof StoreError) {
      throw new StoreError(`${path}.store: ${error.message}`, { code: error.code, cause: error })
    }
    if (!(error instanceof TypeError)) throw error
    throw new TypeError(`${path}.store: ${error.message}`, { cause: error })
  }
}

function checkAllow(value: readonly AllowRule[], path: string, access: Access): AllowRule[] {
  if (!Array.isArray(value)) {
    throw new TypeError(`${path} must be an array of { uid, gid, access }, not ${show(value)}`)
  }
  return value.map((rule, index) => checkRule(rule, `${path}[${index}]`, access))
}

function checkRule(rule: AllowRule, path: string, most: Access): AllowRule {
  checkObject(rule, path)
  checkKnownKeys(rule, ['uid', 'gid', 'access'], path)
  const { uid, gid, access } = rule
  if (uid === undefined && gid === undefined) {
    throw new TypeError(`${path} must name a uid or a gid: it would let everybody in`)
  }
  if (uid !== undefined) checkInteger(uid, `${path}.uid`, 0, idMax)
  if (gid !== undefined) checkInteger(gid, `${path}.gid`, 0, idMax)
  if (access !== undefined) checkChoice(access, `${path}.access`, accessChoices)
  if (access === 'read-write' && most === 'read-only') {
    throw new RangeError(`${path}.access is 'read-write', but the data set's access is 'read-only'`)
  }
  return { ...rule }
}

const limitMaxima: Readonly<Record<keyof LimitOptions, number>> = {
  clientsMax: 2 ** 16,
  mappingsMax: 2 ** 16,
  pinnedBytesMax: Number.MAX_SAFE_INTEGER,
  faultsInFlightMax: 2 ** 20,
}

function resolveLimits(
  limits: LimitOptions = {},
  datasets: readonly ResolvedDataset[],
  bufferBytes: number | undefined,
): LimitOptions {
  checkObject(limits, 'limits')
  checkKnownKeys(limits, Object.keys(limitMaxima), 'limits')
  for (const [name, max] of Object.entries(limitMaxima)) {
    const value = limits[name as keyof LimitOptions]
    const min = name === 'pinnedBytesMax' ? 0 : 1
    if (value !== undefined) checkInteger(value, `limits.${name}`, min, max)
  }
  if (bufferBytes === undefined) return { ...limits }
  // One client must not be able to pin all that the others need; one page it may always pin.
  const pageBytesMax = Math.max(...datasets.map(({ pageBytes }) => pageBytes))
  const pinnedBytesMax = Math.max(Math.floor(bufferBytes / 4), pageBytesMax)
  return { pinnedBytesMax, ...limits }
}

function resolveMetrics(metrics: ServeOptions['metrics']): number | undefined {
  if (metrics === undefined) return undefined
  checkObject(metrics, 'metrics')
  checkKnownKeys(metrics, ['port'], 'metrics')
  return checkInteger(metrics.port, 'metrics.port', 0, 65_535)
}

function checkBufferHolds(datasets: readonly ResolvedDataset[], bytes: number | undefined): void {
  for (const { name, pageBytes } of datasets) {
    if (bytes !== undefined && bytes < 2 * pageBytes) {
      throw new RangeError(
        `buffer.bytes must be at least two pages of datasets.${name}, ${2 * pageBytes}, not ${bytes}`,
      )
    }
  }
}
