// Asks the server for what the swap of a manifest depends on: that a PUT whose condition does not
// hold is refused, and one whose condition holds is not. Done once when a data set is opened for
// writing, on an object of its own that is deleted again.

import { randomBytes } from 'node:crypto'
import { unconditionalServerError } from './errors.ts'
import type { DatasetObjects } from './objects.ts'

const staleAfterMs = 3_600_000

/**
 * Resolves where the server's conditional PUTs can be relied on.
 *
 * Rejects with a `StoreError` 'STORE_UNSUPPORTED' that says what the server does instead and what
 * helps, or with the server's refusal to write at all.
 */
export async function probeConditionalPut(objects: DatasetObjects): Promise<void> {
  const name = `${Date.now().toString(36)}-${randomBytes(8).toString('hex')}`
  try {
    const what = await findFault(objects, name)
    if (what !== undefined) {
      throw unconditionalServerError(objects.where, what)
    }
  } finally {
    // A probe that stays behind harms nobody, and a later opening finds it.
    await objects.deleteProbes([name]).catch(() => undefined)
  }
}

async function findFault(objects: DatasetObjects, name: string): Promise<string | undefined> {
  const first = await objects.putProbe(name, Buffer.from('1'), { ifNoneMatch: '*' })
  if (first === 'refused') {
    return 'refuses to make an object that is not there (If-None-Match: *)'
  }
  const second = await objects.putProbe(name, Buffer.from('2'), { ifNoneMatch: '*' })
  if (second !== 'refused') {
    return 'overwrites an object that is there (it ignores If-None-Match)'
  }
  let third = await objects.putProbe(name, Buffer.from('3'), { ifMatch: first.etag })
  if (third === 'refused') {
    // RFC 9110 wants the quotes, radosgw does not understand them.
    objects.etagForm = 'unquoted'
    third = await objects.putProbe(name, Buffer.from('3'), { ifMatch: first.etag })
  }
  if (third === 'refused') {
    return 'refuses to overwrite an object that has the ETag asked for (If-Match)'
  }
  const fourth = await objects.putProbe(name, Buffer.from('4'), { ifMatch: first.etag })
  if (fourth !== 'refused') {
    return 'overwrites an object whose ETag has changed (it ignores If-Match)'
  }
  return undefined
}

/** Deletes probes of openings that were killed long ago. */
export async function deleteStaleProbes(objects: DatasetObjects, nowMs: number): Promise<void> {
  const names = await objects.listProbes()
  const isStale = (name: string): boolean => {
    const madeAtMs = Number.parseInt(name.split('-', 1)[0] ?? '', 36)
    return madeAtMs < nowMs - staleAfterMs
  }
  await objects.deleteProbes(names.filter(isStale))
}
