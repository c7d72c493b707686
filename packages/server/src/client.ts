// A connection to a server in the thread that made it, and the regions that were mapped through it.

import {
  type Access,
  checkBoolean,
  checkChoice,
  checkKnownKeys,
  checkObject,
  clientRegion,
  type Engine,
  type Region,
  show,
  toUmapError,
  UmapError,
  umapErrorCodes,
} from '@umap/core/shared'

/** Options of `Client.map`. */
export interface MapOptions {
  /** Default 'read-only'. What is written to such a region stays in this process. */
  readonly access?: Access
  /** Makes `region.buffer` a `SharedArrayBuffer`, where this Node can. Default false. */
  readonly shared?: boolean
}

const nameBytesMax = 255
const accessChoices: readonly Access[] = ['read-only', 'read-write']

/**
 * A connection to a server. Made by `connect()`.
 *
 * A server that dies and is started again within `serverTimeoutMs` is not noticed, but for the
 * wait. One that is gone for good is told by the `error` event of each region, with the code
 * UMAP_SERVER_GONE; then a touch of a page that is not in memory raises SIGBUS.
 */
export class Client {
  readonly #native: Engine['native']
  readonly #id: number
  readonly #regions = new Set<Region<ArrayBufferLike>>()
  readonly #mapping = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  /** Not for applications: use `connect`. */
  constructor(native: Engine['native'], id: number) {
    this.#native = native
    this.#id = id
  }

  /**
   * Maps the data set `name`: a region like those of `umap()`, whose pages are shared with the
   * server and all its clients. What one client writes, the others see. A data set may be mapped
   * more than once.
   *
   * Rejects with a `TypeError` or `RangeError` that names the argument, and with a `UmapError`:
   * UMAP_NO_DATA_SET, UMAP_PERMISSION or UMAP_READ_ONLY where the server does not give it,
   * UMAP_SERVER_GONE, UMAP_NO_MEMORY, UMAP_CLOSED.
   */
  map(
    name: string,
    options: MapOptions & { readonly shared: true },
  ): Promise<Region<SharedArrayBuffer>>
  map(name: string, options?: MapOptions): Promise<Region>
  async map(name: string, options: MapOptions = {}): Promise<Region<ArrayBufferLike>> {
    checkName(name)
    checkObject(options, 'options')
    checkKnownKeys(options, ['access', 'shared'], 'map')
    const { access = 'read-only', shared = false } = options
    checkChoice(access, 'access', accessChoices)
    checkBoolean(shared, 'shared')
    if (this.#closing !== undefined) {
      throw new UmapError('map: the client is closed', { code: umapErrorCodes.closed })
    }
    const mapping = this.#mapNow(name, access, shared)
    this.#mapping.add(mapping)
    try {
      return await mapping
    } finally {
      this.#mapping.delete(mapping)
    }
  }

  /**
   * Closes the regions that were mapped through it in this thread, and the connection. Regions that
   * other threads have attached to go on; the connection ends with the last of them. Idempotent.
   *
   * Rejects with what `Region.close` rejects with; then it may be repeated.
   */
  close(): Promise<void> {
    this.#closing ??= this.#closeNow()
    return this.#closing
  }

  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #mapNow(name: string, access: Access, shared: boolean): Promise<Region<ArrayBufferLike>> {
    const mapped = await this.#mapInEngine(name, access)
    const region = await clientRegion({
      ...mapped,
      access,
      shared,
      onClosed: () => this.#regions.delete(region),
    })
    this.#regions.add(region)
    return region
  }

  async #mapInEngine(name: string, access: Access) {
    try {
      return await this.#native.clientMap(this.#id, name, access === 'read-write')
    } catch (error) {
      throw toUmapError(error, 'data-set', `cannot map the data set ${name}`)
    }
  }

  async #closeNow(): Promise<void> {
    await Promise.allSettled(this.#mapping)
    const ends = await Promise.allSettled([...this.#regions].map((region) => region.close()))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) {
      this.#closing = undefined
      throw failed.reason
    }
    this.#native.clientClose(this.#id)
  }
}

function checkName(name: unknown): void {
  if (typeof name !== 'string') {
    throw new TypeError(`name must be the name of a data set, not ${show(name)}`)
  }
  const bytes = Buffer.byteLength(name)
  if (bytes === 0 || bytes > nameBytesMax) {
    throw new RangeError(`name must have 1 to ${nameBytesMax} bytes, not ${bytes}`)
  }
}
