// Memory that is not resident works inside of system calls, and the rest of Node goes on working
// while regions are mapped.

import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { open as openFile, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { umap } from '@umap/core'
import { describe, expect, it } from 'vitest'
import { servesSystemCalls } from './fault-ways.ts'
import { localFile, patternBytes, scratchFile, scratchFolder } from './scratch.ts'

const pageBytes = 4096
const byteLength = 256 * pageBytes
const bytes = patternBytes(byteLength)

function open() {
  const store = localFile(scratchFile(bytes))
  // Smaller than the region, so that a call cannot find all of it resident.
  const buffer = { bytes: 16 * pageBytes }
  return umap({ store, access: 'read-write', pageBytes, buffer })
}

// skipped: in this way of taking faults it fails with EFAULT; with-resident.test.ts shows the remedy
describe.skipIf(!servesSystemCalls)('a system call', () => {
  it('writes unmapped memory to a file, at once or through the thread pool', async () => {
    await using region = await open()
    const file = path.join(scratchFolder(), 'copy')
    const view = region.view(Uint8Array)
    const fd = openSync(file, 'w')
    for (let done = 0; done < byteLength; ) done += writeSync(fd, view, done)
    closeSync(fd)
    expect(readFileSync(file).equals(bytes)).toBe(true)
    const handle = await openFile(file, 'w')
    await handle.writeFile(view)
    await handle.close()
    expect((await readFile(file)).equals(bytes)).toBe(true)
  })

  it('reads a file into unmapped memory, which reaches the store', async () => {
    const store = scratchFile(new Uint8Array(byteLength))
    const options = { access: 'read-write', pageBytes, buffer: { bytes: 16 * pageBytes } } as const
    const region = await umap({ store: localFile(store), ...options })
    const source = scratchFile(bytes)
    const fd = openSync(source, 'r')
    const view = region.view(Uint8Array)
    for (let done = 0; done < byteLength / 2; ) {
      done += readSync(fd, view, done, byteLength / 2 - done, done)
    }
    closeSync(fd)
    const handle = await openFile(source, 'r')
    for (let done = byteLength / 2; done < byteLength; ) {
      done += (await handle.read(view, done, byteLength - done, done)).bytesRead
    }
    await handle.close()
    await region.close()
    expect(readFileSync(store).equals(bytes)).toBe(true)
  })

  it('sends unmapped memory through a socket, four at a time', async () => {
    await using region = await open()
    const received: Buffer[] = []
    const server = createServer((socket) => {
      socket.on('data', (data) => received.push(data)).on('end', () => socket.end())
    })
    const address = path.join(scratchFolder(), 'socket')
    await new Promise<void>((resolve) => server.listen(address, resolve))
    const { createConnection } = await import('node:net')
    for (let part = 0; part < 4; part++) {
      const quarter = region.view(Uint8Array, (part * byteLength) / 4, byteLength / 4)
      await new Promise<void>((resolve, reject) => {
        const socket = createConnection(address)
        socket.on('error', reject).on('close', () => resolve())
        socket.end(quarter)
        socket.resume()
      })
    }
    server.close()
    expect(Buffer.concat(received).equals(bytes)).toBe(true)
  })
})

describe('while a region is mapped', () => {
  it('child processes start, end, and see nothing of it', async () => {
    await using region = await open()
    const view = region.view(Uint8Array)
    for (let round = 0; round < 5; round++) {
      view[round * pageBytes] = round
      expect(spawnSync('echo', ['hello']).stdout.toString()).toBe('hello\n')
      const part = view.subarray(0, 64 * pageBytes)
      // What Node hands to the system call is in memory where absent pages would fail it.
      const input = servesSystemCalls ? part : Buffer.from(part)
      expect(spawnSync('cat', { input }).stdout.length).toBe(64 * pageBytes)
    }
    const script = 'process.stdout.write(String(require("fs").readdirSync("/proc/self/fd")))'
    const child = spawn(process.execPath, ['-e', script])
    const [code] = await new Promise<[number]>((resolve) => {
      child.on('exit', (status) => resolve([status ?? -1]))
    })
    expect(code).toBe(0)
    expect(view[4 * pageBytes]).toBe(4)
  })

  it('signals and timers go on working', async () => {
    await using region = await open()
    const view = region.view(Uint8Array)
    let [signals, ticks] = [0, 0]
    const onSignal = () => {
      signals += 1
    }
    process.on('SIGUSR2', onSignal)
    const timer = setInterval(() => {
      ticks += 1
    }, 1)
    for (let round = 0; round < 40 || signals < 20 || ticks < 20; round++) {
      process.kill(process.pid, 'SIGUSR2')
      for (let offset = 0; offset < byteLength; offset += pageBytes) {
        view[offset] = (view[offset] as number) + 1
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    clearInterval(timer)
    process.off('SIGUSR2', onSignal)
    expect(signals).toBeGreaterThanOrEqual(20)
  })
})
