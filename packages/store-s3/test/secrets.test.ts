// No secret appears in any error, log or statistic: a program with marked credentials does what it
// can to show them, against a server that echoes them.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { S3StoreOptions } from '@umap/store-s3'
import { describe, expect, it } from 'vitest'
import type { FakeRequest, Fault } from './fake/fake-s3.ts'
import { useFake } from './fake/use-fake.ts'

const fake = useFake()
const secret = 'MARKER0secret0access0key0MARKER'
const token = 'MARKER0session0token0MARKER'
const thrown = 'MARKER0thrown0by0a0module0MARKER'

/** What the program printed, and whether the store could be read. */
async function show(options: S3StoreOptions, accessKeyId = 'AKIAFAKEFAKEFAKE'): Promise<string> {
  const program = fileURLToPath(new URL('programs/show-everything.mjs', import.meta.url))
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--enable-source-maps', program, JSON.stringify(options)],
    {
      env: {
        PATH: process.env.PATH,
        UMAP_LOG_LEVEL: 'DEBUG',
        MARKER: thrown,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secret,
        AWS_SESSION_TOKEN: token,
        AWS_REGION: 'us-east-1',
      },
      timeout: 60_000,
    },
  )
  return stdout + stderr
}

function expectNoSecret(printed: string): void {
  for (const marker of [secret, token, thrown, 'MARKER', 'AWS4-HMAC-SHA256', 'X-Amz-Signature']) {
    expect(printed).not.toContain(marker)
  }
}

function echo(status: number, code: string): (request: FakeRequest) => Fault {
  return ({ headers }) => ({ kind: 'status', status, code, message: JSON.stringify(headers) })
}

describe('secrets', { timeout: 180_000 }, () => {
  const client = () => ({ endpoint: fake.s3.endpoint, retryTimeoutMs: 200 })
  const options = () => ({ bucket: 'b', key: 'k', client: client() })

  it('are-not-shown-when-all-is-well', async () => {
    fake.s3.put('b', 'k', Buffer.alloc(10_000, 7))
    const printed = await show(options())
    expect(printed).toContain('read 10000 bytes')
    expect(fake.s3.requests.some(({ headers }) => headers['x-amz-security-token'] === token)).toBe(
      true,
    )
    expectNoSecret(printed)
  })

  it('are-not-shown-when-the-server-echoes-them', async () => {
    fake.s3.script = echo(403, 'SignatureDoesNotMatch')
    const printed = await show(options())
    expect(printed).toMatch(/opening failed: StoreError/)
    expectNoSecret(printed)
  })

  it('are-not-shown-when-a-later-read-fails', async () => {
    fake.s3.put('b', 'k', Buffer.alloc(10_000, 7))
    for (const [name, code] of [
      ['ExpiredToken', 'S3_CREDENTIALS'],
      [token, 'S3_ACCESS_DENIED'],
    ] as const) {
      const failing = echo(403, name)
      fake.s3.script = (request) => (request.operation === 'get' ? failing(request) : undefined)
      const printed = await show(options())
      expect(printed).toMatch(/reading failed: /)
      expect(printed).toMatch(/mapping failed: /)
      expect(printed).toContain(code)
      expectNoSecret(printed)
    }
  })

  it('are-not-shown-when-the-server-is-not-one', async () => {
    const endpoints = ['http://127.0.0.1:1', fake.s3.endpoint.replace('http:', 'https:')]
    for (const endpoint of endpoints) {
      const printed = await show({ ...options(), client: { ...client(), endpoint } })
      expect(printed).toMatch(/opening failed: StoreError/)
      expectNoSecret(printed)
    }
  })

  it('are-not-shown-when-a-module-throws-them', async () => {
    const parent = import.meta.url
    for (const exportName of ['throwing', 'throwingCredentials', 'noConfig']) {
      const withModule = {
        ...client(),
        module: './programs/client-modules.mjs',
        parent,
        exportName,
      }
      const printed = await show({ ...options(), client: withModule })
      expect(printed, exportName).toMatch(/opening failed: StoreError.*client\.module/)
      expectNoSecret(printed)
    }
  })
})
