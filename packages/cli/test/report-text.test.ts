// The text of a report, from made-up machines.

import { describe, expect, it } from 'vitest'
import { formatBytes, formatCount } from '../src/amounts.ts'
import { formatReport } from '../src/report-text.ts'
import { machineOfSignals, machineWithout, workingMachine } from './machines.ts'

const plain = { colors: false }

describe('the report of umap doctor', () => {
  it('begins with the verdict and ends with a line break', () => {
    const text = formatReport(workingMachine, plain)
    expect(text.split('\n')[0]).toBe('yes: this machine can page with userfaultfd')
    expect(text).toMatch(/[^\n]\n$/)
  })

  it('aligns what it found', () => {
    const rows = formatReport(workingMachine, plain)
      .split('\n')
      .filter((line) => line.startsWith('  '))
    const columns = rows.map((row) => /^ {2}\S+(?: \S+)* {2,}/.exec(row)?.[0].length)
    expect(new Set(columns).size).toBe(1)
  })

  it('says each finding in plain words', () => {
    const text = formatReport(workingMachine, plain)
    expect(text).toMatch(/userfaultfd +works, and is what 'auto' takes\n/)
    expect(text).toMatch(/in-thread +works, when asked for; system calls on absent pages/)
    expect(text).toMatch(/system calls +works/)
    expect(text).toMatch(/userfaultfd\(2\) +available, and used/)
    expect(text).toMatch(/\/dev\/userfaultfd +refused with ENOENT: there is no usable device node/)
    expect(text).toMatch(/platform +linux 6\.8\.0 x86_64, pages of 4 KiB, 1 processor\n/)
    expect(text).toMatch(/Node\.js +v20\.19\.0, views up to 4 GiB/)
    expect(text).toMatch(/memory +16 GiB, of which 10\.3 GiB available/)
    expect(text).toMatch(/memory cgroup +version 2, limit 512 MiB, 100 MiB used/)
    expect(text).toMatch(/mappings +at most 65,530/)
    expect(text).toMatch(/io_uring +not available \(EPERM\)/)
  })

  it('has no remedies where nothing is missing', () => {
    expect(formatReport(workingMachine, plain)).not.toContain('To get')
  })

  it('says what becomes of a missing part, and how to get it', () => {
    const text = formatReport(machineWithout('move'), plain)
    expect(text).toMatch(/moving pages +missing: pages are copied/)
    expect(text).toContain(
      'To get moving pages (MOVE), any one of these helps:\n' +
        '  sysctl: allow it to everybody\n' +
        '  capability: give it CAP_SYS_PTRACE\n',
    )
  })

  it('says a remedy for several parts once', () => {
    const text = formatReport(machineWithout('userfaultfd', 'kernelFaults'), plain)
    expect(text.match(/allow it to everybody/g)).toHaveLength(1)
    expect(text).toContain('faults are delivered, and faults inside system calls, any one')
  })

  it('says which way is taken, why no better one, and how to get that', () => {
    const text = formatReport(machineOfSignals(), plain)
    expect(text).toMatch(/userfaultfd +not here: userfaultfd\(2\) fails with EPERM: a seccomp/)
    expect(text).toMatch(
      /signal +works, and is what 'auto' takes; system calls on absent pages fail/,
    )
    expect(text).toMatch(/mappings +at most 65,530 .*bounds the runs .*vm\.max_map_count=1048576/)
    expect(text).toContain('  Docker: docker run --device /dev/userfaultfd IMAGE\n')
    expect(formatReport(machineOfSignals(), { colors: true })).toContain('\u001b[33myes, second')
  })

  it('says that the environment chooses', () => {
    const runtime = { ...workingMachine.runtime, faultsVariable: 'in-thread' }
    expect(formatReport({ ...workingMachine, runtime }, plain)).toMatch(/UMAP_FAULTS +in-thread: /)
    expect(formatReport(workingMachine, plain)).not.toContain('UMAP_FAULTS')
  })

  it('names the features that a kernel lacks', () => {
    const { userfaultfd } = workingMachine
    if (userfaultfd === null) throw new Error('the made-up machine has a userfaultfd')
    const features = { ...userfaultfd.features, move: false }
    const text = formatReport(
      { ...workingMachine, userfaultfd: { ...userfaultfd, features } },
      plain,
    )
    expect(text).toMatch(/kernel features +2 of 3, without move/)
  })

  it('paints only when told to', () => {
    expect(formatReport(workingMachine, plain)).not.toContain('\u001b')
    expect(formatReport(workingMachine, { colors: true })).toContain('\u001b[32myes: this')
    expect(formatReport(machineWithout('move'), { colors: true })).toContain('\u001b[31mno: it')
  })
})

describe('amounts', () => {
  it.each([
    [0, '0 bytes'],
    [1023, '1,023 bytes'],
    [4096, '4 KiB'],
    [1.5 * 2 ** 20, '1.5 MiB'],
    [512.3 * 2 ** 20, '512 MiB'],
    [2 ** 53 - 1, '8 PiB'],
    [null, 'unknown'],
  ])('%s bytes read as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  it('sets thousands apart', () => {
    expect(formatCount(65530)).toBe('65,530')
    expect(formatCount(null)).toBe('unknown')
  })
})
