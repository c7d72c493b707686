// A small, strict S3 server in this process, for what a real one will not do on demand. It refuses
// what it is not sent properly (and remembers it in `violations`), and a script decides for each
// request what goes wrong. Loopback only; never block this thread on something it must serve.

import { createHash } from 'node:crypto'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32 } from 'node:zlib'
import { findViolation } from './strictness.ts'

/** A request as scripts and tests see it. */
export interface FakeRequest {
  /** Counted from 0, over all requests. */
  readonly index: number
  readonly operation: 'get' | 'head' | 'put' | 'delete' | 'list'
  readonly bucket: string
  /** The key, or the prefix of a listing. */
  readonly key: string
  readonly range?: { readonly from: number; readonly to: number }
  readonly ifMatch?: string
  readonly ifNoneMatch?: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** What goes wrong with one request. */
export type Fault =
  /** Answers an error and does nothing. `message` is the server's free text. */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly code: string
      readonly message?: string
    }
  /** Does what was asked, then answers an error: the lost race that was won. */
  | { readonly kind: 'doneButStatus'; readonly status: number; readonly code: string }
  /** Does what was asked, then resets the connection instead of answering. */
  | { readonly kind: 'doneButReset' }
  /** Answers success, but does nothing: the race that was lost without a word. */
  | { readonly kind: 'notDoneButOk' }
  /** Resets the connection after so many bytes of the body; 0 is before the answer's head. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** Announces the whole body and ends the connection in an orderly way after so many bytes. */
  | { readonly kind: 'truncate'; readonly afterBytes: number }
  /** Announces and sends only so many bytes. */
  | { readonly kind: 'short'; readonly bytes: number }
  /** Sends so many bytes, and the rest when `until` settles. */
  | { readonly kind: 'stall'; readonly afterBytes: number; readonly until: Promise<unknown> }
  /** Flips a bit of the body; the checksum is that of the right body. */
  | { readonly kind: 'corrupt' }
  /** Sends a checksum of something else. */
  | { readonly kind: 'wrongChecksum' }
  /** Answers a range with the whole object and 200. */
  | { readonly kind: 'ignoreRange' }
  /** Answers with another range than was asked for. */
  | { readonly kind: 'otherRange' }
  /** Acts as if no If-Match or If-None-Match had been sent. */
  | { readonly kind: 'ignoreConditions' }
  /** Lists what there was at the time of `snapshot()`. */
  | { readonly kind: 'staleList'; readonly objects: ReadonlyMap<string, FakeObject> }

/** What an object holds. */
export interface FakeObject {
  readonly byteLength: number
  readonly etag: string
  readonly lastModified: Date
  /** Bytes `from` to `to - 1`; may be a view of something larger, and must not be changed. */
  slice(from: number, to: number): Buffer
}

/** Decides what goes wrong with a request; nothing where it returns undefined. */
export type Script = (request: FakeRequest) => Fault | undefined

/** Credentials that the fake knows; `credentials.mjs` gives them to a store. */
export const fakeCredentials = {
  accessKeyId: 'AKIAFAKEFAKEFAKE',
  secretAccessKey: 'fake-secret-do-not-show',
}

/** A fake that listens; `await using` closes it. */
export class FakeS3 {
  /** Objects by `bucket/key`. */
  readonly objects = new Map<string, FakeObject>()
  /** Every request that was understood, in the order of arrival. */
  readonly requests: FakeRequest[] = []
  /** What was sent in a way that a strict server refuses. A test ends with none. */
  readonly violations: string[] = []
  /** Decides what goes wrong. */
  script: Script = () => undefined
  /** Send `x-amz-checksum-crc32` with whole objects. */
  sendsChecksums = true
  /** At most so many objects in one page of a listing. */
  listKeysMax = 1000
  /** Most requests that were in the server at one time. */
  concurrencySeen = 0
  #port = 0
  #inService = 0
  #server: Server | undefined

  /** Starts a fake on a free port. */
  static async start(): Promise<FakeS3> {
    const fake = new FakeS3()
    await fake.listen()
    return fake
  }

  /** URL of the server, the same after it was stopped and started again. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Listens, on the port that it had before if there was one; nothing where it does already. */
  async listen(): Promise<void> {
    if (this.#server !== undefined) {
      return
    }
    const server = createServer((message, response) => void this.#serve(message, response))
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve)
    })
    this.#port = (server.address() as AddressInfo).port
  }

  /** Stops as a crash would: connections are cut, new ones refused. Objects stay. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    await new Promise<void>((resolve) => {
      server === undefined ? resolve() : server.close(() => resolve())
      server?.closeAllConnections()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Requests that are in the server now. */
  get inService(): number {
    return this.#inService
  }

  /** Stores an object as it is; returns its ETag. */
  put(bucket: string, key: string, bytes: Uint8Array): string {
    const body = Buffer.from(bytes)
    const etag = `"${createHash('md5').update(body).digest('hex')}"`
    this.objects.set(`${bucket}/${key}`, {
      byteLength: body.byteLength,
      etag,
      lastModified: new Date(),
      slice: (from, to) => body.subarray(from, to),
    })
    return etag
  }

  /** Stores an object that `slice` generates. */
  putGenerated(bucket: string, key: string, object: Omit<FakeObject, 'lastModified'>): void {
    this.objects.set(`${bucket}/${key}`, { ...object, lastModified: new Date() })
  }

  /** What is stored now, for a listing that is stale later. */
  snapshot(): ReadonlyMap<string, FakeObject> {
    return new Map(this.objects)
  }

  /** Keys of a bucket that begin with `prefix`, in order. */
  keys(bucket: string, prefix = ''): string[] {
    const start = `${bucket}/${prefix}`
    return [...this.objects.keys()]
      .filter((name) => name.startsWith(start))
      .map((name) => name.slice(bucket.length + 1))
      .sort()
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inService += 1
    this.concurrencySeen = Math.max(this.concurrencySeen, this.#inService)
    response.once('close', () => {
      this.#inService -= 1
    })
    try {
      const body = await readAll(message)
      const violation = findViolation(message, body, fakeCredentials.accessKeyId)
      if (violation !== undefined) {
        this.violations.push(`${message.method} ${message.url}: ${violation}`)
        sendError(response, 400, 'InvalidRequest', violation)
        return
      }
      const request = understand(message, body, this.requests.length)
      this.requests.push(request)
      await this.#answer(request, new URL(message.url ?? '', this.endpoint), response)
    } catch (error) {
      // A client may go away in the middle of its request; anything else is a fault of the fake's.
      if (!message.destroyed || message.complete) {
        this.violations.push(`${message.method} ${message.url}: the fake failed: ${error}`)
      }
      response.destroy()
    }
  }

  async #answer(request: FakeRequest, url: URL, response: ServerResponse): Promise<void> {
    const fault = this.script(request)
    if (fault?.kind === 'status') {
      sendError(response, fault.status, fault.code, fault.message)
    } else if (fault?.kind === 'reset' && fault.afterBytes === 0) {
      response.socket?.resetAndDestroy()
    } else if (request.operation === 'list') {
      sendXml(response, 200, this.#list(request, url, fault))
    } else if (fault?.kind === 'notDoneButOk') {
      response.writeHead(200, { etag: `"${'0'.repeat(32)}"` }).end()
    } else {
      await this.#perform(request, fault, response)
    }
  }

  async #perform(
    request: FakeRequest,
    fault: Fault | undefined,
    response: ServerResponse,
  ): Promise<void> {
    const name = `${request.bucket}/${request.key}`
    const object = this.objects.get(name)
    if (request.operation === 'get' || request.operation === 'head') {
      await sendObject(request, object, fault, response, this.sendsChecksums)
      return
    }
    if (fault?.kind !== 'ignoreConditions' && !holds(request, object)) {
      sendError(response, 412, 'PreconditionFailed')
      return
    }
    let etag = object?.etag
    if (request.operation === 'put') {
      etag = this.put(request.bucket, request.key, request.body)
    } else {
      this.objects.delete(name)
    }
    if (fault?.kind === 'doneButReset') {
      response.socket?.resetAndDestroy()
    } else if (fault?.kind === 'doneButStatus') {
      sendError(response, fault.status, fault.code)
    } else {
      const status = request.operation === 'put' ? 200 : 204
      response.writeHead(status, etag === undefined ? {} : { etag }).end()
    }
  }

  #list(request: FakeRequest, url: URL, fault: Fault | undefined): string {
    const objects = fault?.kind === 'staleList' ? fault.objects : this.objects
    const after = url.searchParams.get('continuation-token') ?? ''
    const start = `${request.bucket}/`
    const found = [...objects]
      .filter(([name]) => name.startsWith(start + request.key))
      .map(([name, object]) => ({ key: name.slice(start.length), object }))
      .filter(({ key }) => key > after)
      .sort((a, b) => (a.key < b.key ? -1 : 1))
    const page = found.slice(0, this.listKeysMax)
    const isTruncated = found.length > page.length
    const entries = page.map(({ key, object }) => {
      const { byteLength, etag, lastModified } = object
      return `<Contents><Key>${escapeXml(key)}</Key><Size>${byteLength}</Size><ETag>${escapeXml(
        etag,
      )}</ETag><LastModified>${lastModified.toISOString()}</LastModified></Contents>`
    })
    const token = isTruncated ? escapeXml(page.at(-1)?.key ?? '') : undefined
    return `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${
      token === undefined ? '' : `<NextContinuationToken>${token}</NextContinuationToken>`
    }${entries.join('')}</ListBucketResult>`
  }
}

async function sendObject(
  request: FakeRequest,
  object: FakeObject | undefined,
  fault: Fault | undefined,
  response: ServerResponse,
  sendsChecksums: boolean,
): Promise<void> {
  if (object === undefined) {
    sendError(response, 404, 'NoSuchKey')
    return
  }
  if (fault?.kind !== 'ignoreConditions' && !holds(request, object)) {
    sendError(response, 412, 'PreconditionFailed')
    return
  }
  if (request.operation === 'head') {
    response.writeHead(200, { etag: object.etag, 'content-length': object.byteLength }).end()
    return
  }
  const asked = fault?.kind === 'ignoreRange' ? undefined : request.range
  if (asked !== undefined && asked.from >= object.byteLength) {
    sendError(response, 416, 'InvalidRange')
    return
  }
  const from = (asked?.from ?? 0) + (fault?.kind === 'otherRange' ? 1 : 0)
  const to = Math.min(asked?.to ?? object.byteLength, object.byteLength)
  let body = object.slice(from, to)
  const checksum = crc32(fault?.kind === 'wrongChecksum' ? Buffer.concat([body, body]) : body)
  if (fault?.kind === 'short') {
    body = body.subarray(0, fault.bytes)
  }
  if (fault?.kind === 'corrupt') {
    body = Buffer.from(body)
    body[body.byteLength >> 1] = (body[body.byteLength >> 1] ?? 0) ^ 0x10
  }
  response.writeHead(asked === undefined ? 200 : 206, {
    etag: object.etag,
    'content-length': body.byteLength,
    'accept-ranges': 'bytes',
    ...(asked !== undefined && { 'content-range': `bytes ${from}-${to - 1}/${object.byteLength}` }),
    ...(asked === undefined &&
      sendsChecksums && {
        'x-amz-checksum-crc32': Buffer.from(checksum.toString(16).padStart(8, '0'), 'hex').toString(
          'base64',
        ),
        'x-amz-checksum-type': 'FULL_OBJECT',
      }),
  })
  await sendBody(body, fault, response)
}

async function sendBody(
  body: Buffer,
  fault: Fault | undefined,
  response: ServerResponse,
): Promise<void> {
  if (fault?.kind !== 'reset' && fault?.kind !== 'truncate' && fault?.kind !== 'stall') {
    response.end(body)
    return
  }
  response.flushHeaders()
  // Sent before the fault happens, or the client might never see these bytes.
  await new Promise<void>((resolve) => {
    response.write(body.subarray(0, fault.afterBytes), () => resolve())
  })
  if (fault.kind === 'reset') {
    response.socket?.resetAndDestroy()
  } else if (fault.kind === 'truncate') {
    response.socket?.end()
  } else {
    await fault.until
    response.end(body.subarray(fault.afterBytes))
  }
}

function understand(message: IncomingMessage, body: Buffer, index: number): FakeRequest {
  const url = new URL(message.url ?? '', 'http://fake')
  const [bucket = '', ...rest] = url.pathname.slice(1).split('/').map(decodeURIComponent)
  const key = rest.join('/')
  const isList = url.searchParams.get('list-type') === '2'
  const range = /^bytes=(\d+)-(\d+)$/.exec(message.headers.range ?? '')
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = message.headers
  return {
    index,
    operation: isList ? 'list' : (message.method?.toLowerCase() as FakeRequest['operation']),
    bucket,
    key: isList ? (url.searchParams.get('prefix') ?? '') : key,
    ...(range && { range: { from: Number(range[1]), to: Number(range[2]) + 1 } }),
    ...(ifMatch !== undefined && { ifMatch }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch }),
    headers: message.headers,
    body,
  }
}

function holds({ ifMatch, ifNoneMatch }: FakeRequest, object: FakeObject | undefined): boolean {
  if (ifNoneMatch !== undefined && object !== undefined) {
    return false
  }
  return ifMatch === undefined || object?.etag.replaceAll('"', '') === ifMatch.replaceAll('"', '')
}

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) {
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

function sendError(response: ServerResponse, status: number, code: string, message = ''): void {
  const hasBody = response.req.method !== 'HEAD'
  const xml = `<Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error>`
  sendXml(response, status, hasBody ? xml : '')
}

function sendXml(response: ServerResponse, status: number, xml: string): void {
  response.writeHead(status, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(xml),
  })
  response.end(xml)
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
