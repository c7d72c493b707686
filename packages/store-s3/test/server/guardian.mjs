// Owns the S3 server of one test run, in a process of its own: boots it, starts and stops gateways
// as the lines on stdin say, and takes everything away when stdin ends, which it does however the
// test run ends. Talks in lines of JSON; stderr is for people.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { CephCluster, missingPrograms } from './ceph-cluster.mjs'

const directory = mkdtempSync(join(tmpdir(), 'umap-s3-server-'))
const cluster = new CephCluster(directory)

async function end() {
  await cluster.end()
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  process.exit(0)
}

// The terminal sends SIGINT to everybody; the end of stdin, which follows, is what counts.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => void end())
}
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))

/** @param {object} answer */
function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

/** @param {{ id: number, command: string, port?: number }} request */
async function obey({ id, command, port }) {
  try {
    if (command === 'start') say({ id, port: await cluster.startGateway(port) })
    else if (command === 'stop') say({ id, port: await cluster.stopGateway(port ?? 0) })
    else throw new Error(`unknown command ${command}`)
  } catch (error) {
    say({ id, error: String(error) })
  }
}

const lines = createInterface({ input: process.stdin })
lines.once('close', () => void end())

try {
  const missing = missingPrograms()
  if (missing.length > 0) throw new Error(`${missing.join(', ')} cannot be found`)
  await cluster.boot()
  const port = await cluster.startGateway()
  const { accessKeyId, secretAccessKey } = cluster
  say({ id: 0, endpoint: `http://127.0.0.1:${port}`, accessKeyId, secretAccessKey })
  lines.on('line', (line) => void obey(JSON.parse(line)))
} catch (error) {
  say({ id: 0, error: `${error}${cluster.logs()}` })
  await end()
}
