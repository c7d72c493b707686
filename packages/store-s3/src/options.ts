// The options of the S3 store, and their check at the line of the caller. Asks no server, loads no
// SDK, and repeats no value that might be a secret.

import path from 'node:path'
import { resolveStoreRef } from '@umap/store'

/** How to reach the server: plain data, in which secrets have no place. */
export interface S3ClientOptions {
  /** URL of the server. Default: Amazon S3, or what the SDK's own configuration names. */
  readonly endpoint?: string | URL
  /** Region. Default: that of the SDK's configuration; 'us-east-1' where `endpoint` is given. */
  readonly region?: string
  /** Bucket in the path, not in the host name. Default: true where `endpoint` is given. */
  readonly forcePathStyle?: boolean
  /** Profile in the SDK's shared configuration files. */
  readonly profile?: string
  /**
   * A module whose export gives more of the SDK's `S3ClientConfig`, such as `credentials`: an
   * object, or a function that returns one or a promise of one. A package name, a path (absolute,
   * or relative to `parent`) or a file URL; it is loaded where the store runs.
   */
  readonly module?: string
  /** Name of the export of `module`. Default 'clientConfig'. */
  readonly exportName?: string
  /** File URL that a relative `module` is relative to: `import.meta.url`. */
  readonly parent?: string | URL
  /** Connections at once: an integer from 1 to 1024. Default 32. */
  readonly connectionsMax?: number
  /** Milliseconds for which a call is tried again before its error is passed on. Default 60,000. */
  readonly retryTimeoutMs?: number
  /** Milliseconds without a byte after which an attempt is given up. Default 10,000. */
  readonly idleTimeoutMs?: number
}

/** Options of `s3Store`: `bucket`, and either `key` or `prefix`. */
export interface S3StoreOptions {
  readonly bucket: string
  /** One existing object, mapped read-only. */
  readonly key?: string
  /** A writable data set of chunk objects whose keys begin with it. */
  readonly prefix?: string
  /** Make the data set where there is none, which needs `byteLength`. With `prefix`. */
  readonly create?: boolean
  /** The size in bytes that object or data set must have. */
  readonly byteLength?: number
  /** Bytes of a chunk of a data set that is made: a power of two from 4096 to 2^30. */
  readonly chunkBytes?: number
  /**
   * Milliseconds for which a writer keeps chunks of earlier states of a data set, for readers that
   * have opened those. Default 3,600,000.
   */
  readonly readerGraceMs?: number
  /** Where bytes written to a data set wait for a flush: a local directory. Default: the system's. */
  readonly stagingDirectory?: string
  /** Bytes there above which chunks are uploaded before the flush. Default 4 GiB. */
  readonly stagingBytes?: number
  /** How to reach the server. Default: as the SDK is configured. */
  readonly client?: S3ClientOptions
}

/** {@link S3ClientOptions} after the check: plain data. */
export interface CheckedClientOptions extends Omit<S3ClientOptions, 'endpoint' | 'parent'> {
  readonly endpoint?: string
  /** An absolute URL. */
  readonly module?: string
}

/** The options as they travel in a reference: plain data. */
export interface S3StoreRefOptions extends Omit<S3StoreOptions, 'client'> {
  readonly client?: CheckedClientOptions
}

const datasetOptionNames = [
  'create',
  'chunkBytes',
  'readerGraceMs',
  'stagingDirectory',
  'stagingBytes',
] as const
const optionNames = ['bucket', 'key', 'prefix', 'byteLength', 'client', ...datasetOptionNames]
const clientOptionNames = [
  'endpoint',
  'region',
  'forcePathStyle',
  'profile',
  'module',
  'exportName',
  'parent',
  'connectionsMax',
  'retryTimeoutMs',
  'idleTimeoutMs',
]
const keyBytesMax = 1024

/**
 * Checks `options`; endpoint and module become absolute URLs.
 *
 * Throws a `TypeError` or `RangeError` that names the option, and its value where that cannot be
 * a secret; a `StoreError` with the code 'STORE_MODULE' where `client.module` cannot be found.
 */
export function checkOptions(options: S3StoreOptions): S3StoreRefOptions {
  if (options === null || typeof options !== 'object') {
    throw new TypeError(`s3Store takes an object with bucket, not ${show(options)}`)
  }
  refuseUnknown(options, optionNames, 's3Store')
  const { bucket, key, prefix, create, byteLength, chunkBytes, client } = options
  if (typeof bucket !== 'string' || !/^[\w.:/-]+$/.test(bucket)) {
    throw new TypeError(`bucket must be the name of a bucket, not ${show(bucket)}`)
  }
  if ((key === undefined) === (prefix === undefined)) {
    throw new TypeError('s3Store takes either key, one object, or prefix, a data set')
  }
  checkName('key', key)
  checkName('prefix', prefix)
  checkBoolean('create', create)
  checkInteger('byteLength', byteLength, 0, Number.MAX_SAFE_INTEGER)
  checkInteger('chunkBytes', chunkBytes, 4096, 2 ** 30)
  if (chunkBytes !== undefined && !Number.isInteger(Math.log2(chunkBytes))) {
    throw new RangeError(`chunkBytes must be a power of two, not ${chunkBytes}`)
  }
  checkInteger('readerGraceMs', options.readerGraceMs, 0, Number.MAX_SAFE_INTEGER)
  checkInteger('stagingBytes', options.stagingBytes, 0, Number.MAX_SAFE_INTEGER)
  checkName('stagingDirectory', options.stagingDirectory)
  const misplaced = datasetOptionNames.find((name) => options[name] !== undefined)
  if (key !== undefined && misplaced !== undefined && options[misplaced] !== false) {
    throw new TypeError(`${misplaced} belongs to prefix: an object under key is read-only`)
  }
  const checkedClient = client === undefined ? undefined : checkClient(client)
  const { stagingDirectory, ...others } = options
  return without({
    ...others,
    client: checkedClient,
    stagingDirectory: stagingDirectory === undefined ? undefined : path.resolve(stagingDirectory),
  })
}

function checkClient(client: S3ClientOptions): CheckedClientOptions {
  if (client === null || typeof client !== 'object') {
    throw new TypeError(`client must be an object, not ${typeof client}`)
  }
  refuseUnknown(client, clientOptionNames, 'client')
  const { endpoint, module, parent, ...others } = client
  for (const name of ['region', 'profile', 'exportName'] as const) {
    const value: unknown = others[name]
    if (value !== undefined && (typeof value !== 'string' || !/^[\w.-]+$/.test(value))) {
      throw new TypeError(`client.${name} must be a name, not ${show(value)}`)
    }
  }
  checkBoolean('client.forcePathStyle', others.forcePathStyle)
  checkInteger('client.connectionsMax', others.connectionsMax, 1, 1024)
  checkInteger('client.retryTimeoutMs', others.retryTimeoutMs, 0, 2 ** 31 - 1)
  checkInteger('client.idleTimeoutMs', others.idleTimeoutMs, 1, 2 ** 31 - 1)
  if (module === undefined && (parent !== undefined || others.exportName !== undefined)) {
    throw new TypeError('client.exportName and client.parent belong to client.module')
  }
  return without({
    ...others,
    endpoint: endpoint === undefined ? undefined : checkEndpoint(endpoint),
    module: module === undefined ? undefined : findModule(module, parent),
  })
}

// No part of a refused endpoint is shown: it is refused because it may hold a password.
function checkEndpoint(endpoint: unknown): string {
  const text = endpoint instanceof URL ? endpoint.href : endpoint
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new TypeError('client.endpoint must be an http or https URL')
  }
  if (url.username !== '' || url.password !== '' || url.search !== '') {
    throw new TypeError(
      'client.endpoint must hold no user, password or query: use client.module for credentials',
    )
  }
  return url.href
}

function findModule(module: unknown, parent: string | URL | undefined): string {
  if (typeof module !== 'string' || module === '') {
    throw new TypeError(`client.module must be a package name or a path, not ${typeof module}`)
  }
  return resolveStoreRef({ module, ...(parent !== undefined && { parent }) }).url
}

function refuseUnknown(value: object, known: readonly string[], owner: string): void {
  for (const name of Object.keys(value)) {
    if (/credential|secret|accesskey|token/i.test(name)) {
      throw new TypeError(
        `${owner} has no option named ${name}: secrets do not travel in a reference; the SDK's ` +
          'default chain finds them, or client.module gives them',
      )
    }
    if (!known.includes(name)) {
      throw new TypeError(`${owner} has no option named ${name}; it has ${known.join(', ')}`)
    }
  }
}

function checkName(name: string, value: unknown): void {
  if (value === undefined) {
    return
  }
  if (typeof value !== 'string' || value === '' || Buffer.byteLength(value) > keyBytesMax) {
    throw new TypeError(`${name} must be a string of 1 to ${keyBytesMax} bytes, not ${show(value)}`)
  }
}

function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new TypeError(`${name} must be a boolean, not ${show(value)}`)
  }
}

function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (value === undefined) {
    return
  }
  if (typeof value !== 'number') {
    throw new TypeError(`${name} must be a number, not ${show(value)}`)
  }
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer from ${min} to ${max}, not ${value}`)
  }
}

function without<T extends object>(value: T): T {
  const given = Object.entries(value).filter(([, part]) => part !== undefined)
  return Object.fromEntries(given) as T
}

function show(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
  }
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
