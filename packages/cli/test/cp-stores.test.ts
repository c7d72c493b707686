// `umap cp` between the real stores, and what becomes of it when it is killed: files, SQLite, S3.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import { makeWorkplace, testStore, type Workplace } from './run-cp.ts'
import { makeBucket } from './s3-bucket.ts'
import { patternBytes } from './stores/pattern-store.mjs'

const partBytes = 65_536
const from = { byteLength: 41 * partBytes + 777, seed: 4, holeEvery: 2 }
const holeBytes = 21 * partBytes
const bytes = patternBytes(from)
const bucket = await makeBucket()
afterAll(() => bucket?.client.destroy())

/** Copies a pattern to TO, killed twice on the way, and back to a file. */
async function copyThereAndBack(place: Workplace, to: string): Promise<string> {
  const small = ['--flush-bytes', String(2 * partBytes), '--concurrency', '1']
  const there = [testStore('pattern-store', from), to, ...small]
  for (const read of ['21', '15']) {
    const killed = await place.cp(there, { env: { TEST_KILL_AT_READ: read } })
    expect(killed.signal, killed.stderr).toBe('SIGKILL')
  }
  const ended = await place.cp([...there, '--json'])
  expect(ended.stderr).not.toContain('umap:')
  const { resumedBytes, recopiedBytes, verifiedBytes } = JSON.parse(ended.stdout)
  expect(resumedBytes).toBeGreaterThan(0)
  expect({ recopiedBytes, verifiedBytes }).toEqual({
    recopiedBytes: 0,
    verifiedBytes: from.byteLength,
  })

  const back = await place.cp([to, 'back', '--json', '--verify', 'both'])
  expect(JSON.parse(back.stdout)).toMatchObject({ holeBytes, verifiedBytes: from.byteLength })
  expect(readFileSync(place.path('back')).equals(bytes)).toBe(true)
  expect(statSync(place.path('back')).blocks * 512).toBeLessThan(
    from.byteLength - holeBytes + 2 ** 16,
  )
  return ended.stderr
}

describe('umap cp through a file', () => {
  it('arrives-whole-and-with-its-holes', async () => {
    const place = makeWorkplace()
    writeFileSync(place.path('there'), '')
    await copyThereAndBack(place, 'there')
  })
})

// skipped: SQLite needs Node 22
describe.skipIf(Number.parseInt(process.versions.node, 10) < 22)('umap cp through SQLite', () => {
  it('arrives-whole-and-with-its-holes', async () => {
    const place = makeWorkplace()
    await copyThereAndBack(place, 'sqlite:there.db?name=one')
    const other = await place.cp(['back', 'sqlite:there.db?name=two&pageBytes=4096', '--json'])
    expect(JSON.parse(other.stdout)).toMatchObject({ to: 'sqlite:there.db?name=two', holeBytes })
    const again = await place.cp(['back', 'sqlite:there.db?name=one'])
    expect(again.stderr).toMatch(/\(CP_NOT_EMPTY\)\numap: --force overwrites it\n$/)
    const missing = await place.cp(['sqlite:there.db?name=three', 'x'])
    expect(missing.code).toBe(1)
    expect(missing.stderr).toMatch(/^umap: FROM \(sqlite:there.db\?name=three\): .* \([A-Z_]+\)\n/)
  })
})

// skipped: there is no S3 server
describe.skipIf(bucket === undefined)('umap cp through S3', { timeout: 60_000 }, () => {
  const url = (key: string) => `s3://${bucket?.name}/${key}?endpoint=${bucket?.endpoint}`

  it('arrives-whole-and-with-its-holes', async () => {
    await copyThereAndBack(makeWorkplace(), `${url('data/set/')}&chunkBytes=65536`)
  })

  it('copies-one-object-and-prints-no-credentials', async () => {
    const place = makeWorkplace()
    const put = { Bucket: bucket?.name, Key: 'object', Body: Buffer.from(bytes) }
    await bucket?.client.send(new PutObjectCommand(put))
    const copied = await place.cp([url('object'), 'copy', '--json'])
    expect(JSON.parse(copied.stdout)).toMatchObject({
      status: 'done',
      from: `s3://${bucket?.name}/object`,
    })
    expect(readFileSync(place.path('copy')).equals(bytes)).toBe(true)
    const refused = await place.cp(['copy', url('none/'), '--no-create'])
    const absent = await place.cp([url('none'), 'x'])
    for (const { code, stderr } of [refused, absent]) {
      expect(code).toBe(1)
      // On Node 20 a warning of the SDK comes first.
      expect(stderr).toMatch(/^umap: (FROM|TO) \(s3:.*\): .* \([A-Z\d_]+\)\n/m)
      expect(stderr).not.toContain(process.env.AWS_SECRET_ACCESS_KEY)
      expect(stderr).not.toContain(process.env.AWS_ACCESS_KEY_ID)
    }
  })
})
