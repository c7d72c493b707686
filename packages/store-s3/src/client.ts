// Makes the SDK's client from plain options. Imports the SDK, which takes a fraction of a second,
// so it is itself imported only when a store is opened, in the store host.

import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { StoreError, storeErrorCodes } from '@umap/store'
import { s3ErrorCodes } from './errors.ts'
import type { CheckedClientOptions } from './options.ts'

/** Connections at once, where the options do not say. */
export const connectionsMaxDefault = 32

type ClientConfigFunction = () => unknown

const connectTimeoutMs = 5_000

/**
 * A client for `options`: connections are kept alive and as many as requests at once, one attempt a
 * request (retries are `S3Requests`' business), and no checksums beyond those that every server
 * knows: the signature covers the SHA-256 of each body that is sent.
 *
 * Rejects with a {@link StoreError}: 'STORE_MODULE' where `client.module` cannot be used,
 * 'S3_CREDENTIALS' where it throws.
 */
export async function makeClient(options: CheckedClientOptions = {}): Promise<S3Client> {
  const connectionsMax = options.connectionsMax ?? connectionsMaxDefault
  const agent = { keepAlive: true, maxSockets: connectionsMax, maxFreeSockets: connectionsMax }
  const fromModule = await loadConfig(options)
  const region = options.region ?? defaultRegion(options)
  return new S3Client({
    requestHandler: {
      httpAgent: agent,
      httpsAgent: agent,
      connectionTimeout: connectTimeoutMs,
      // Silence is noticed by the one who waits; the SDK would only warn.
      requestTimeout: 0,
    },
    ...(region !== undefined && { region }),
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
    ...(options.profile !== undefined && { profile: options.profile }),
    forcePathStyle: options.forcePathStyle ?? options.endpoint !== undefined,
    ...fromModule,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // A log of requests holds signatures.
    logger: silence,
  })
}

const silence = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

// Servers other than Amazon's rarely care, and the SDK refuses to work without one.
function defaultRegion({ endpoint, profile }: CheckedClientOptions): string | undefined {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE } = process.env
  const isConfigured = AWS_REGION ?? AWS_DEFAULT_REGION ?? AWS_PROFILE ?? profile
  return endpoint !== undefined && isConfigured === undefined ? 'us-east-1' : undefined
}

async function loadConfig(options: CheckedClientOptions): Promise<S3ClientConfig> {
  const { module, exportName = 'clientConfig' } = options
  if (module === undefined) {
    return {}
  }
  const exported = (await importModule(module))[exportName]
  const config: unknown =
    typeof exported === 'function' ? await callModule(exported as ClientConfigFunction) : exported
  if (config === null || typeof config !== 'object') {
    throw new StoreError(
      `client.module: ${exportName} must be an S3ClientConfig or a function that returns one`,
      { code: storeErrorCodes.module },
    )
  }
  return withQuietCredentials(config)
}

// What a module throws is its own text, in which secrets may be: only that it threw is passed on.
async function importModule(url: string): Promise<Record<string, unknown>> {
  try {
    return (await import(url)) as Record<string, unknown>
  } catch (error) {
    throw new StoreError(`client.module cannot be loaded: ${nameOf(error)}`, {
      code: storeErrorCodes.module,
    })
  }
}

async function callModule(exported: ClientConfigFunction): Promise<unknown> {
  try {
    return await exported()
  } catch (error) {
    throw new StoreError(`client.module threw: ${nameOf(error)}`, {
      code: s3ErrorCodes.credentials,
    })
  }
}

function withQuietCredentials(config: S3ClientConfig): S3ClientConfig {
  const { credentials } = config
  if (typeof credentials !== 'function') {
    return config
  }
  return {
    ...config,
    credentials: async (properties) => {
      try {
        return await credentials(properties)
      } catch (error) {
        throw new StoreError(`the credentials of client.module threw: ${nameOf(error)}`, {
          code: s3ErrorCodes.credentials,
        })
      }
    },
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error && /^\w{1,64}$/.test(error.name) ? error.name : 'an error'
}
