// Opens a data set: reads its manifest, makes one where that is asked for, and finds out whether the
// server can be written to safely. Runs in a store host.

import { randomBytes } from 'node:crypto'
import { type OpenStoreContext, StoreError, storeErrorCodes } from '@umap/store'
import type { S3Access } from '../s3-access.ts'
import { ChunkTable, SessionNames } from './chunk-table.ts'
import { type DatasetParts, DatasetStore } from './dataset-store.ts'
import { lostStagingError, noDatasetError, versionGoneError } from './errors.ts'
import { chunkCountOf, decodeManifest, encodeManifest, type Manifest } from './manifest.ts'
import { ManifestChain, newStateId, readManifest, type StoredManifest } from './manifest-chain.ts'
import { DatasetObjects } from './objects.ts'
import { type DatasetOptions, type DatasetSettings, datasetSettings, shapeOf } from './options.ts'
import { deleteStaleProbes, probeConditionalPut } from './probe.ts'
import { StagingJournal } from './staging-journal.ts'

/**
 * Opens the data set under `options.prefix`. The store's `close` closes `s3`.
 *
 * Read-only it needs no permission but to get objects. For writing the server is probed first:
 * rejects with 'STORE_UNSUPPORTED' where it has no conditional writes. Without `context.access` it
 * is opened for writing where that works, else read-only. Rejects with 'S3_NOT_FOUND' where there
 * is none and `create` is not set, with 'STORE_SIZE' where it is not as the options want it.
 *
 * An opening that repeats another one (`context.session`) goes on with what that had staged.
 */
export async function openDataset(
  s3: S3Access,
  options: DatasetOptions,
  context: OpenStoreContext,
): Promise<DatasetStore> {
  const settings = datasetSettings(options)
  const objects = new DatasetObjects(s3, settings.prefix)
  const parts = { s3, objects, settings, session: randomBytes(8).toString('hex') }
  if (context.session !== undefined && context.access !== 'read-only') {
    const again = goOn(objects, settings, context.session)
    if (again !== undefined) {
      return new DatasetStore({ ...parts, ...again, writable: true })
    }
    if (context.version !== undefined && context.access === 'read-write') {
      throw lostStagingError(objects.where, settings.stagingDirectory)
    }
  }
  const writable = await prepareWriting(objects, settings, context)
  const names = new SessionNames()
  const found =
    (await readManifest(objects, names)) ?? (await make(objects, names, settings, writable))
  checkWishes(found.manifest, settings, objects.where)
  if (!writable && context.version !== undefined && context.version !== found.manifest.id) {
    throw versionGoneError(objects.where, context.version)
  }
  const chain = new ManifestChain(objects, names, found)
  if (!writable || context.session === undefined) {
    return new DatasetStore({ ...parts, chain, writable })
  }
  const journal = StagingJournal.create(settings.stagingDirectory, context.session)
  journal.settle(encodeManifest(found.manifest), found.etag, objects.etagForm, () => [])
  return new DatasetStore({ ...parts, chain, writable, journal })
}

// The host of the store died. What it had staged is on the disk, what it had uploaded in the bucket.
function goOn(
  objects: DatasetObjects,
  settings: DatasetSettings,
  session: string,
): Pick<DatasetParts, 'chain' | 'journal' | 'records'> | undefined {
  const found = StagingJournal.find(settings.stagingDirectory, session)
  if (found === undefined) {
    return undefined
  }
  const { etag, etagForm, records } = found.contents
  const names = new SessionNames()
  const manifest = decodeManifest(found.contents.manifest, names, `the copy of ${objects.where}`)
  objects.etagForm = etagForm
  const sent = records.flatMap((record) => (record[0] === 'sent' ? [record[1]] : []))
  const chain = new ManifestChain(objects, names, { manifest, etag }, sent)
  return { chain, records, journal: found.journal }
}

async function prepareWriting(
  objects: DatasetObjects,
  settings: DatasetSettings,
  { access }: OpenStoreContext,
): Promise<boolean> {
  if (access === 'read-only') {
    return false
  }
  try {
    await probeConditionalPut(objects)
  } catch (error) {
    if (access === 'read-write' || settings.create || !isRefusal(error)) {
      throw error
    }
    return false
  }
  // Only space is lost where listing is not permitted.
  await deleteStaleProbes(objects, Date.now()).catch(() => undefined)
  return true
}

function isRefusal(error: unknown): boolean {
  return error instanceof StoreError && !error.retryable
}

async function make(
  objects: DatasetObjects,
  names: SessionNames,
  { create, byteLength, chunkBytes }: DatasetSettings,
  writable: boolean,
): Promise<StoredManifest> {
  if (!create || !writable) {
    throw noDatasetError(objects.where)
  }
  if (byteLength === undefined) {
    throw new TypeError(`byteLength is needed to make a data set at ${objects.where}`)
  }
  const shape = shapeOf(byteLength, chunkBytes)
  const manifest: Manifest = {
    shape,
    generation: 1,
    id: newStateId(1),
    ancestors: [],
    chunks: new ChunkTable(names, chunkCountOf(shape)),
    retired: [],
  }
  const condition = { ifNoneMatch: '*' } as const
  const outcome = await objects.putManifest(encodeManifest(manifest), condition)
  if (outcome !== 'refused') {
    return { manifest, etag: outcome.etag }
  }
  // Somebody else was faster, or this PUT was made twice: either way there is a data set now.
  const found = await readManifest(objects, names)
  if (found === undefined) {
    throw noDatasetError(objects.where)
  }
  return found
}

function checkWishes({ shape }: Manifest, settings: DatasetSettings, where: string): void {
  const { byteLength, chunkBytes, create } = settings
  if (byteLength !== undefined && byteLength !== shape.byteLength) {
    throw new StoreError(
      `${where} has ${shape.byteLength} bytes, byteLength says ${byteLength}; a data set keeps ` +
        'its size: copy it to one of another size',
      { code: storeErrorCodes.size },
    )
  }
  if (chunkBytes !== undefined && !create && chunkBytes !== shape.chunkBytes) {
    throw new StoreError(
      `${where} has chunks of ${shape.chunkBytes} bytes, chunkBytes says ${chunkBytes}; leave it ` +
        'out, or copy the data set to one with other chunks',
      { code: storeErrorCodes.size },
    )
  }
}
