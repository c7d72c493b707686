// Serves data sets to other processes. Runs in the thread that calls `serve`, which must not map
// regions of the server itself; the paging is the engine's, on threads of its own.

import {
  at,
  captureCallSite,
  checkCanServe,
  type Engine,
  loadEngine,
  openSharedRegion,
  PageBuffer,
  type SharedRegion,
  toUmapError,
  UmapError,
} from '@umap/core/shared'
import {
  type ResolvedDataset,
  type ResolvedServeOptions,
  resolveServeOptions,
  type ServeOptions,
} from './serve-options.ts'
import { type Inheritance, Server, type ServerParts } from './server.ts'

/**
 * Opens data sets and serves them at a Unix socket, where other processes `connect`.
 *
 * Rejects with a `TypeError` or `RangeError` that names the option and its value; with a
 * {@link UmapError}: UMAP_STORE where a store cannot be opened, UMAP_ENGINE where the socket cannot
 * be had (`cause.errno` says why), UMAP_UNSUPPORTED. The stack is that of the caller.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const site = captureCallSite(serve)
  try {
    // Options first: a wrong one is wrong on every machine.
    resolveServeOptions(options)
    const engine = loadEngine()
    return await openServer(engine, resolveServeOptions(options, engine.defaults))
  } catch (error) {
    throw isForCaller(error) ? at(error, site) : error
  }
}

/** The same with options that are complete, and for a server that another one can follow. */
export async function openServer(
  engine: Engine,
  options: ResolvedServeOptions,
  inheritance?: Inheritance,
): Promise<Server> {
  checkCanServe(engine)
  const buffer = new PageBuffer(options.buffer)
  const parts: ServerParts = { engine, options, buffer, regions: [], inheritance }
  const server = new Server(parts)
  try {
    await openRegions(parts, server)
    await server.start()
    return server
  } catch (error) {
    // What failed first is what the caller has to know. What another server left is not ours as long
    // as it is not taken over: closing would write it back behind its clients.
    if (inheritance?.isFirst !== false) await server.close().catch(() => undefined)
    throw error
  }
}

async function openRegions(parts: ServerParts, server: Server): Promise<void> {
  const { engine, options, buffer, regions, inheritance } = parts
  const kept =
    inheritance === undefined ? [] : engine.native.ledgerFacts(inheritance.ledgerId).datasets
  const gone = kept.find(({ name }) => !options.datasets.some((dataset) => dataset.name === name))
  if (gone !== undefined) {
    throw new RangeError(
      `datasets has no ${gone.name} any more, but the server that died left its pages, which ` +
        'clients still map: end the server in order (SIGTERM) before that is changed',
    )
  }
  for (const dataset of options.datasets) {
    const own = kept.find(({ name }) => name === dataset.name)
    const region = await openSharedRegion(
      {
        ...dataset,
        buffer,
        ...(own !== undefined && { kept: own }),
        ...(inheritance !== undefined && { ledgerId: inheritance.ledgerId }),
      },
      (error) => server.tellError(error, dataset.name),
    )
    regions.push(region)
    addDataset(parts, server, dataset, region)
  }
}

function addDataset(
  { engine }: ServerParts,
  server: Server,
  { name, access, allow }: ResolvedDataset,
  region: SharedRegion,
): void {
  try {
    engine.native.serverAddDataset(server.id, {
      name,
      regionId: region.id,
      ...(allow !== undefined && {
        allow: allow.map((rule) => ({
          ...(rule.uid !== undefined && { uid: rule.uid }),
          ...(rule.gid !== undefined && { gid: rule.gid }),
          writable: (rule.access ?? access) === 'read-write',
        })),
      }),
    })
  } catch (error) {
    throw toUmapError(error, 'open', `datasets.${name}`)
  }
}

// Anything else is a fault of this package or of a store, and its own stack says where.
function isForCaller(error: unknown): error is Error {
  return error instanceof UmapError || error instanceof TypeError || error instanceof RangeError
}
