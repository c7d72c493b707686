// `server`: processes that map a data set of a server, which share its pages. Peer: the same by the
// threads of one process that maps the file itself.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Bench } from '../bench.ts'
import { type Contender, type Figures, runRounds } from '../rounds.ts'
import type { Comparison } from '../row.ts'
import { compare, type Scenario } from '../scenario.ts'
import { type Switches, switchesOf } from '../switches.ts'

const pageBytes = 4096
const clientCounts = [1, 2, 8] as const
const spacing = 65_536
// Long enough for clients to connect before any of them begins, on few processors too.
const startMs = (count: number): number => 1000 + 400 * count

/** Clients of a server. */
export const server: Scenario = {
  name: 'server',
  work:
    'From JavaScript: random float64 reads, 4 KiB pages, 4 GiB through 512 MiB over a file in the ' +
    'page cache, by 1, 2 and 8 client processes of one server, or threads of one process; and ' +
    "first touches of pages that another client's prefault has made resident.",
  async run(bench) {
    const comparisons: Comparison[] = []
    for (const count of clientCounts) comparisons.push(await runTouches(bench, count))
    comparisons.push(await runLatency(bench))
    return { comparisons }
  },
}

async function runTouches(bench: Bench, count: number): Promise<Comparison> {
  const { fileBytes, bufferBytes, randomMs } = bench.sizes
  const work = { memory: 'touch', 'file-bytes': fileBytes, milliseconds: randomMs }
  const ours: Contender = {
    name: `${count} clients`,
    run: () =>
      withServer(bench, async (run) => {
        // A full buffer first.
        await run({ memory: 'prefault', 'file-bytes': bufferBytes })
        const startAt = Date.now() + startMs(count)
        const all = await Promise.all(
          Array.from({ length: count }, (_, seed) => run({ ...work, seed, 'start-at': startAt })),
        )
        const rates = all.map(({ touchesPerSecond }) => touchesPerSecond ?? 0)
        return { touchesPerSecond: rates.reduce((sum, rate) => sum + rate, 0) }
      }),
  }
  const peer = inProcess(bench, { ...work, threads: count })
  const rounds = await runRounds(bench.runs, [ours, peer])
  return compare(rounds, 'server', {
    case: count === 1 ? '1 client' : `${count} clients`,
    figure: 'touchesPerSecond',
    unit: 'touches/s',
    ours,
    peer,
    reach: { ratioMin: 0.6 },
  })
}

async function runLatency(bench: Bench): Promise<Comparison> {
  const { bufferBytes } = bench.sizes
  // Resident as a whole.
  const residentBytes = Math.floor(bufferBytes / 2 / spacing) * spacing
  const work = { 'file-bytes': residentBytes }
  const ours: Contender = {
    name: 'second client',
    run: () =>
      withServer(bench, async (run) => {
        await run({ ...work, memory: 'prefault' })
        return await run({ ...work, memory: 'latency' })
      }),
  }
  const peer = inProcess(bench, { ...work, memory: 'latency' })
  const rounds = await runRounds(bench.runs, [ours, peer])
  return compare(rounds, 'server', {
    case: 'second client on resident pages, p50',
    figure: 'p50Us',
    unit: 'µs',
    ours,
    peer,
    reach: { oursMax: 12 },
  })
}

function inProcess(bench: Bench, switches: Switches): Contender {
  return bench.node({
    name: 'in-process',
    program: 'server-in-process',
    switches: { ...switches, ...buffersOf(bench) },
    cache: 'warm',
  })
}

type RunClient = (switches: Switches) => Promise<Figures>

/** Runs `work` beside a fresh server, with a function that runs a client of it. */
async function withServer(
  bench: Bench,
  work: (run: RunClient) => Promise<Figures>,
): Promise<Figures> {
  const file = await bench.dataFile()
  await file.warm()
  const directory = mkdtempSync(join(tmpdir(), 'umap-bench-server-'))
  const socket = join(directory, 'socket')
  const switches = { file: file.path, socket, ...buffersOf(bench) }
  const program = join(import.meta.dirname, '../node/server.js')
  const child = spawn(process.execPath, [program, ...switchesOf(switches)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    await waitForServer(child)
    return await work((more) =>
      bench
        .node({
          name: 'client',
          program: 'server-client',
          switches: { ...more, socket },
          cache: 'any',
        })
        .run(),
    )
  } finally {
    await endServer(child)
    rmSync(directory, { recursive: true, force: true })
  }
}

function buffersOf({ sizes }: Bench): Switches {
  return { 'buffer-bytes': sizes.bufferBytes, 'page-bytes': pageBytes }
}

async function waitForServer(child: ChildProcess): Promise<void> {
  const lines = createInterface({ input: child.stdout! })
  const started = once(lines, 'line').then(() => true)
  const ended = once(child, 'exit').then(() => false)
  if (!(await Promise.race([started, ended]))) throw new Error('the server does not start')
}

async function endServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.stdin?.end()
  await exited
}
