// Workers and processes that end in the middle of anything: promptly, without a crash, and what was
// written to a file's memory is in the file. Each scenario runs in a process of its own.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'

const program = fileURLToPath(new URL('./programs/endings.mjs', import.meta.url))
const timeoutMs = 20_000

interface Ending {
  code: number | null
  signal: NodeJS.Signals | null
  output: string
  errorOutput: string
  firstByte: number | undefined
}

function run(scenario: string): Promise<Ending> {
  const directory = mkdtempSync(join(tmpdir(), 'umap-endings-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'data')
  writeFileSync(file, new Uint8Array(16 * 4096))
  const child = spawn(process.execPath, [program, scenario, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let output = ''
  let errorOutput = ''
  child.stderr.on('data', (chunk) => {
    errorOutput += chunk
  })
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      const firstByte = readFileSync(file)[0]
      resolve({ code, signal, output: output.trim(), errorOutput, firstByte })
    })
  })
}

describe('a process with dirty pages of a file', () => {
  it.each([
    ['natural end with a region open', 0],
    ['process.exit with a region open', 0],
    ['uncaught exception with a region open', 1],
    ['a worker alone loads the addon and leaves a region open', 0],
  ])('%s writes them back', async (scenario, code) => {
    expect(await run(scenario)).toMatchObject({ code, signal: null, firstByte: 42 })
  })
})

describe('an environment that ends', () => {
  it.each([
    ['a pending promise keeps the process alive', 'settled'],
    ['workers terminated with promises pending', 'true'],
    ['a worker terminated in a fault', 'true'],
    ['hosts terminated while they serve', 'true'],
    ['process.exit with calls pending', ''],
    ['process.exit while a worker is blocked in a fault', ''],
    ['process.exit while a worker is blocked in a fault, its store host first', ''],
    ['natural end with a host that was never served', ''],
  ])('%s', async (scenario, output) => {
    expect(await run(scenario)).toMatchObject({ code: 0, signal: null, output })
  })
})
