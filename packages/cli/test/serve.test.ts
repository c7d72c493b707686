// `umap serve` and `umap stat` as a shell runs them. What the supervisor does is tested where it is.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { ServerStats } from '@umap/server'
import { describe, expect, it } from 'vitest'
import { makeLiveDisplay } from '../dist/stat/live-display.js'
import { runUmap } from './run-umap.ts'
import { makeConfig, RunningUmap } from './served.ts'

describe('umap serve', () => {
  it('says on standard output when it listens, and ends with 0 at SIGTERM', async () => {
    const { file, socket } = makeConfig({ metrics: { port: 0 } })
    const server = new RunningUmap('serve', file)
    await server.prints(/\nlistening at /)
    const { code, stdout, stderr } = await server.end('SIGTERM')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [metrics, listening, ...rest] = stdout.split('\n')
    expect(metrics).toMatch(/^metrics at http:\/\/127\.0\.0\.1:\d+\/metrics$/)
    expect(listening?.replace(/\d+$/, 'PID')).toBe(`listening at ${socket}, server process PID`)
    expect(rest).toEqual([''])
  })

  it('ends with 2 where the configuration makes no sense, and names file and field', () => {
    const { file } = makeConfig({ socketMode: 'rw' })
    expect(runUmap('serve', file)).toEqual({
      code: 2,
      stdout: '',
      stderr: `umap: ${file}: socketMode must be an octal mode such as '0660', not 'rw'\n`,
    })
    expect(runUmap('serve', '/nowhere.json').stderr).toMatch(
      /^umap: \/nowhere\.json cannot be read/,
    )
  })

  it('ends with 1 where its store cannot be opened', () => {
    const store = { module: '@umap/store-file', options: { path: '/nowhere/data' } }
    const { file } = makeConfig({ datasets: { points: { store } } })
    const { code, stdout, stderr } = runUmap('serve', file)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^umap: \/nowhere\/data cannot be opened: there is no file /)
  })
})

describe('umap stat', () => {
  it('prints tables once, the counters as JSON, and both again and again', async () => {
    const { file, socket } = makeConfig()
    const server = new RunningUmap('serve', file)
    await server.prints(/listening at /)

    const tables = runUmap('stat', '--interval', '0.1', socket)
    expect({ code: tables.code, stderr: tables.stderr }).toEqual({ code: 0, stderr: '' })
    expect(tables.stdout).toMatch(/^\S+umap\.sock: up \d+ s, 0 clients\n/)
    expect(tables.stdout).toMatch(/\nDATA SET +SIZE .*\npoints +1 MiB .*\n$/)

    const json = JSON.parse(runUmap('stat', '--json', socket).stdout) as ServerStats
    expect(json.datasets.map(({ name, byteLength }) => [name, byteLength])).toEqual([
      ['points', 2 ** 20],
    ])

    const watching = new RunningUmap('stat', '--watch', '--interval', '0.1', socket)
    await watching.prints(/(DATA SET[\s\S]*){3}/)
    expect(await watching.end('SIGINT')).toMatchObject({ code: 0, stderr: '' })

    const lines = new RunningUmap('stat', '--watch', '--json', '--interval', '0.1', socket)
    await lines.prints(/\n.*\n.*\n/)
    const { code, stdout } = await lines.end('SIGTERM')
    expect(code).toBe(0)
    for (const line of stdout.trimEnd().split('\n')) {
      expect((JSON.parse(line) as ServerStats).generation).toBe(1)
    }

    expect((await server.end('SIGTERM')).code).toBe(0)
    const gone = runUmap('stat', socket)
    expect({ code: gone.code, stdout: gone.stdout }).toEqual({ code: 1, stdout: '' })
    expect(gone.stderr).toMatch(/^umap: cannot ask the server at .*umap\.sock: .+\n$/)
  })

  it('ends with 1 at a socket of somebody else', () => {
    const { folder } = makeConfig()
    const file = path.join(folder, 'text')
    writeFileSync(file, '')
    expect(runUmap('stat', file).code).toBe(1)
  })
})

describe('the live display', () => {
  it('draws in the same place, and no line that would wrap or scroll', () => {
    const written: string[] = []
    const write = (text: string) => written.push(text)
    const show = makeLiveDisplay({ isTTY: true, columns: 8, rows: 3, write } as never)
    show('a line that is long\nsecond\nthird\nfourth\n')
    expect(written).toEqual(['\x1b[1;1H', '\x1b[0J', 'a line t\nsecond\n'])
  })
})
