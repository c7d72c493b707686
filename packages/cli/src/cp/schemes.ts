// The table of schemes: which package a `SCHEME:…` argument means, and how the rest of it becomes
// the options of that package's stores. Opens nothing; knows no store beyond its options.

import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { UsageError } from '../usage-error.ts'

/** A store as an argument names it. */
export interface NamedStore {
  readonly options: Readonly<Record<string, unknown>>
  /** What may be printed of it. */
  readonly label: string
  /** Why it cannot be TO, where that is known beforehand. */
  readonly readOnlyReason?: string
}

interface Scheme {
  readonly package: string
  /** How it is written, for messages. */
  readonly form: string
  /** Makes options of the whole argument; undefined where it is not of that form. */
  read(text: string): NamedStore | undefined
}

/** Stores that can be named by a scheme. */
export const schemes: Readonly<Record<string, Scheme>> = {
  file: { package: '@umap/store-file', form: 'file:PATH', read: readFile },
  sqlite: {
    package: '@umap/store-sqlite',
    form: 'sqlite:PATH?name=NAME&pageBytes=BYTES',
    read: readSqlite,
  },
  s3: {
    package: '@umap/store-s3',
    form: 's3://BUCKET/KEY (an object) or s3://BUCKET/PREFIX/ (a data set), then ?endpoint=URL&…',
    read: readS3,
  },
}

function readFile(text: string): NamedStore | undefined {
  const path = text.startsWith('file://') ? pathOfUrl(text) : text.slice('file:'.length)
  return path === undefined || path === '' ? undefined : { options: { path }, label: path }
}

function pathOfUrl(text: string): string | undefined {
  try {
    return fileURLToPath(text)
  } catch {
    return undefined
  }
}

function readSqlite(text: string): NamedStore | undefined {
  const [path, query] = splitQuery(text.slice('sqlite:'.length))
  if (path === '') return undefined
  const options = { path, ...readQuery(query, { name: 'text', pageBytes: 'number' }) }
  const name = 'name' in options ? `?name=${options.name}` : ''
  return { options, label: `sqlite:${path}${name}` }
}

// How to reach the server; secrets have no place in an argument, which everybody on the machine can
// read. The SDK's default chain has them, or the module does.
const s3ClientParameters = {
  endpoint: 'text',
  region: 'text',
  profile: 'text',
  module: 'text',
} as const

function readS3(text: string): NamedStore | undefined {
  const [place, query] = splitQuery(text.slice('s3:'.length))
  const [, bucket, key] = /^\/\/([^/@]+)\/(.+)$/.exec(place) ?? []
  if (bucket === undefined || key === undefined) return undefined
  const label = `s3://${bucket}/${key}`
  const isDataSet = key.endsWith('/')
  const { chunkBytes, ...client } = readQuery(query, {
    ...s3ClientParameters,
    ...(isDataSet && { chunkBytes: 'number' as const }),
  })
  const options = {
    bucket,
    ...(isDataSet ? { prefix: key } : { key }),
    ...(chunkBytes !== undefined && { chunkBytes }),
    ...(Object.keys(client).length > 0 && { client: withParent(client) }),
  }
  if (isDataSet) return { options, label }
  const readOnlyReason = 'names one object, which is never changed; end it with / for a data set'
  return { options, label, readOnlyReason }
}

function withParent(client: Record<string, string | number>): Record<string, string | number> {
  const parent = pathToFileURL(path.join(process.cwd(), 'umap.json')).href
  return client.module === undefined ? client : { ...client, parent }
}

function splitQuery(text: string): [place: string, query: string] {
  const mark = text.indexOf('?')
  return mark < 0 ? [text, ''] : [text.slice(0, mark), text.slice(mark + 1)]
}

function readQuery(
  query: string,
  known: Readonly<Record<string, 'text' | 'number'>>,
): Record<string, string | number> {
  const options: Record<string, string | number> = {}
  for (const [name, value] of new URLSearchParams(query)) {
    const type = known[name]
    if (type === undefined) {
      const list = Object.keys(known).join(', ') || 'none'
      throw new UsageError(`unknown parameter '${name}' after ?; known are: ${list}`)
    }
    if (type === 'number' && !/^\d+$/.test(value)) {
      throw new UsageError(`parameter '${name}' must be a number of bytes, not '${value}'`)
    }
    options[name] = type === 'number' ? Number(value) : value
  }
  return options
}
