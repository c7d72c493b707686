// Serves the metrics by HTTP, to this machine only: they are read without any credentials.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UmapError, umapErrorCodes } from '@umap/core/shared'
import { formatMetrics, metricsContentType } from './metrics-text.ts'
import type { ServerStats } from './server-stats.ts'

const host = '127.0.0.1'

/** Metrics at a port of the loopback interface. */
export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * Listens at `port`, 0 for a free one, of 127.0.0.1.
 *
 * Rejects with a `UmapError` that names the port where it cannot be had.
 */
export async function startMetrics(port: number, read: () => ServerStats): Promise<MetricsServer> {
  const server = createServer((request, response) => answer(request, response, read))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const message = `metrics.port ${port} cannot be had: ${error.message}`
      reject(new UmapError(message, { code: umapErrorCodes.engine, cause: error }))
    })
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, read: () => ServerStats): void {
  const [path] = (request.url ?? '').split('?', 1)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
  } else if (path !== '/metrics') {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('see /metrics\n')
  } else {
    response.writeHead(200, { 'content-type': metricsContentType }).end(formatMetrics(read()))
  }
}
