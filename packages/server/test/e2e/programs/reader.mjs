// A client that obeys its standard input, a line at a time, and answers with one:
// usage: node reader.mjs SOCKET NAME ACCESS [SERVER-TIMEOUT-MS]
// `read PAGE` the first word of a page · `sum` of the first words · `write PAGE VALUE` ·
// `system PAGE` a system call on the page · `prefault PAGE` · `evict` · `flush` ·
// `signal` raises SIGUSR2 · `exec` what a child process has open · `close`
import { execFileSync } from 'node:child_process'
import { openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { connect } from '@umap/server'

const pageBytes = 4096
const [socket, name, access, serverTimeoutMs = '60000'] = process.argv.slice(2)
const client = await connect(socket, { serverTimeoutMs: Number(serverTimeoutMs) })
const region = await client.map(name, { access })
const words = region.view(Float64Array)
const step = pageBytes / 8
const sink = openSync('/dev/shm/', 0o20200002, 0o600)
// At once: a pipe may hold lines back for as long as this thread waits in a fault.
const say = (line) => writeSync(1, `${line}\n`)

const commands = {
  read: (page) => words[page * step],
  sum: () => {
    let sum = 0
    for (let word = 0; word < words.length; word += step) sum += words[word]
    return sum
  },
  write: (page, value) => {
    words[page * step] = value
    return 'done'
  },
  system: (page) => writeSync(sink, region.view(Uint8Array, page * pageBytes, 8)),
  prefault: (page) => region.prefault({ offset: page * pageBytes, byteLength: pageBytes }),
  evict: () => region.evict(),
  flush: () => region.flush(),
  signal: () => process.kill(process.pid, 'SIGUSR2'),
  exec: () =>
    execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }).split('\n').join(';'),
  close: () => client.close(),
}

say('mapped')
for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...args] = line.split(' ')
  try {
    const result = await commands[command](...args.map(Number))
    say(`= ${command}: ${result}`)
  } catch (error) {
    say(`= ${command} failed: ${error.code} ${error.message}`)
  }
}
say('end')
