// `umap doctor` in child processes: on this machine as it is, without privileges, under a seccomp
// filter, without the engine, on another platform, and with a reader that goes away.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import type { MachineReport } from '../src/machine.ts'
import { type Ended, mainPath, makeFilter, runProgram, runUmap } from './run-umap.ts'

const nobody = { uid: 65534, gid: 65534 }
const node = process.execPath
const packagesPath = fileURLToPath(new URL('../../', import.meta.url))

function parseReport(ended: Ended): MachineReport {
  expect(ended.stderr).toBe('')
  return JSON.parse(ended.stdout)
}

/** Skips a test, and says why where everybody sees it. */
function skip(context: TestContext, reason: string): never {
  console.warn(`skipped: ${context.task.name}: ${reason}`)
  return context.skip(reason)
}

/** Needs root, a machine whose sysctl is off, and a clone that everybody may read. */
function requireOtherUser(context: TestContext): void {
  if (process.getuid?.() !== 0) skip(context, 'only root can become another user')
  const sysctl = '/proc/sys/vm/unprivileged_userfaultfd'
  if (!existsSync(sysctl) || readFileSync(sysctl, 'utf8').trim() !== '0') {
    skip(context, 'vm.unprivileged_userfaultfd is not 0: everybody has permission')
  }
  const readable = spawnSync(node, [mainPath, '--version'], { ...nobody, encoding: 'utf8' })
  if (readable.status !== 0) skip(context, 'another user may not read this clone')
}

describe('umap doctor', () => {
  it('gives the same verdict as text, as JSON and as exit code', () => {
    const text = runUmap('doctor')
    const json = runUmap('doctor', '--json')
    const report = parseReport(json)
    expect(text.stdout.split('\n')[0]).toBe(report.summary)
    expect(text.code).toBe(report.paging === 'no' ? 1 : 0)
    expect(json.code).toBe(text.code)
    expect(report.userfaultfd?.attempts.map(({ way }) => way)).toEqual([
      'system-call',
      'device',
      'user-mode-only',
    ])
    expect(report.runtime.nodeVersion).toBe(process.version)
  })

  it('finds that a process with permission can page', (context) => {
    const report = parseReport(runUmap('doctor', '--json'))
    const [systemCall] = report.userfaultfd?.attempts ?? []
    if (systemCall?.available === false) skip(context, `no permission here (${systemCall.error})`)
    expect(report.needs.filter(({ required, met }) => required && !met)).toEqual([])
    expect(report.paging).toBe('yes')
    expect(report.faults?.auto).toBe('userfaultfd')
  })

  it('finds that signals work, with whatever permission', () => {
    const report = parseReport(runUmap('doctor', '--json'))
    const signal = report.faults?.ways.find(({ mode }) => mode === 'signal')
    expect(signal).toMatchObject({ works: true, servesSystemCalls: false, reason: null })
  })

  it('tells an unprivileged user the ways to permission', (context) => {
    requireOtherUser(context)
    const report = parseReport(runProgram(node, [mainPath, 'doctor', '--json'], nobody))
    expect(report.permissions?.effectiveUserId).toBe(nobody.uid)
    expect(report.userfaultfd?.attempts[0]).toMatchObject({ error: 'EPERM', cause: 'permission' })
    if (report.userfaultfd?.way === 'device') skip(context, 'everybody may open the device here')

    expect(report.faults?.auto).toBe('userfaultfd-user-mode')
    const { code, stdout, stderr } = runProgram(node, [mainPath, 'doctor'], nobody)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^yes, second best: .*user mode/)
    expect(stdout).toContain('sysctl -w vm.unprivileged_userfaultfd=1')
    expect(stdout).toContain('setcap cap_sys_ptrace+ep ')
    expect(stdout).toContain('/dev/userfaultfd')
  })

  it.for([
    ['all', 'EPERM', 'signal'],
    ['missing', 'ENOSYS', 'signal'],
    ['kernel-faults', 'EPERM', 'userfaultfd-user-mode'],
  ] as const)(
    'tells a seccomp filter (%s) from missing permission',
    ([refusal, error, mode], context) => {
      const before = parseReport(runUmap('doctor', '--json'))
      if (before.userfaultfd?.way !== 'system-call')
        skip(context, 'userfaultfd(2) is refused anyway')
      const { program, folder } = makeFilter()
      onTestFinished(() => rmSync(folder, { recursive: true }))
      const unfiltered = runProgram(program, [refusal, 'true'])
      if (unfiltered.code !== 0) skip(context, `no filter can be installed: ${unfiltered.stderr}`)

      const ended = runProgram(program, [refusal, node, mainPath, 'doctor', '--json'])
      const report = parseReport(ended)
      expect(ended.code).toBe(0)
      expect(report.permissions?.seccomp).toBe('filter')
      expect(report.userfaultfd?.attempts[0]).toMatchObject({ error, cause: 'seccomp' })
      expect(report).toMatchObject({ paging: 'limited', faults: { auto: mode } })
      const [best] = report.faults?.ways ?? []
      expect(best).toMatchObject({ mode: 'userfaultfd', works: false })
      expect(best?.reason).toContain('a seccomp filter refuses it')
      expect(best?.remedies.map(({ kind }) => kind)).toContain('seccomp')
      const places = report.faults?.recipes.map(({ place }) => place)
      expect([...new Set(places)]).toEqual(['machine', 'docker', 'podman', 'kubernetes'])
    },
  )

  it('says so where the engine was not built', () => {
    const root = mkdtempSync(join(tmpdir(), 'umap-doctor-'))
    try {
      for (const name of ['cli', 'core', 'native', 'store']) {
        const target = join(root, 'node_modules/@umap', name)
        mkdirSync(target, { recursive: true })
        for (const part of ['package.json', 'dist']) {
          cpSync(join(packagesPath, name, part), join(target, part), { recursive: true })
        }
      }
      const copy = join(root, 'node_modules/@umap/cli/dist/main.js')
      const { code, stdout, stderr } = runProgram(node, [copy, 'doctor'])
      expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
      expect(stdout).toMatch(/^no: the engine of @umap\/native was not built/)
      expect(stdout).toContain('npm rebuild @umap/native')
    } finally {
      rmSync(root, { recursive: true })
    }
  })

  it('says so on another platform', () => {
    const pretend = 'Object.defineProperty(process, "platform", { value: "darwin" })'
    const args = ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`, mainPath]
    const text = runProgram(node, [...args, 'doctor'])
    expect(text).toMatchObject({ code: 1, stderr: '' })
    expect(text.stdout).toMatch(/^no: .*needs Linux.*darwin/)

    const json = runProgram(node, [...args, 'doctor', '--json'])
    expect(json.code).toBe(1)
    expect(parseReport(json)).toMatchObject({
      paging: 'no',
      faults: null,
      userfaultfd: null,
      runtime: { platform: 'darwin' },
    })
  })

  it('is not disturbed by a reader that stops early', () => {
    const command = `"${node}" "${mainPath}" doctor --json | head -c 1`
    const { code, stdout, stderr } = runProgram('sh', ['-c', command])
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '{', stderr: '' })
  })

  it('paints on a terminal, unless NO_COLOR is set', (context) => {
    if (spawnSync('script', ['--version']).status !== 0) skip(context, 'there is no script(1)')
    const command = `"${node}" "${mainPath}" doctor`
    const onTerminal = (noColor: string): string => {
      const env = { ...process.env, NO_COLOR: noColor, FORCE_COLOR: undefined }
      return runProgram('script', ['-qec', command, '/dev/null'], { env }).stdout
    }
    expect(onTerminal('')).toContain('\u001b[')
    expect(onTerminal('1')).not.toContain('\u001b[')
    expect(runUmap('doctor').stdout).not.toContain('\u001b[')
  })
})
