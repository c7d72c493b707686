// The S3 server that the measurements use: UMAP_TEST_S3_ENDPOINT, or else one of their own, started by
// the tests' guardian. Runs in the measuring process, whose credentials it sets.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The server's endpoint, and what ends it. */
export async function startServer() {
  const { UMAP_TEST_S3_ENDPOINT: endpoint } = process.env
  if (endpoint !== undefined) return { endpoint, end: async () => {} }
  const script = fileURLToPath(new URL('../test/server/guardian.mjs', import.meta.url))
  const guardian = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: guardian.stdout }), 'line')
  const answer = JSON.parse(line)
  if (answer.error !== undefined) throw new Error(answer.error)
  process.env.AWS_ACCESS_KEY_ID = answer.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = answer.secretAccessKey
  const end = async () => {
    guardian.stdin.end()
    await once(guardian, 'exit')
  }
  return { endpoint: answer.endpoint, end }
}
