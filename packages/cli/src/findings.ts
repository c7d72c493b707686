// Puts each finding of a machine report into a few plain words, with a label. Pure.

import { formatBytes, formatCount } from './amounts.ts'
import type { MachineReport } from './machine.ts'

/** One line of the report. */
export interface Row {
  readonly label: string
  readonly text: string
  /** Left out for what is neither good nor bad. */
  readonly grade?: 'good' | 'poor' | 'bad'
}

type Attempt = NonNullable<MachineReport['userfaultfd']>['attempts'][number]

type FaultWay = NonNullable<MachineReport['faults']>['ways'][number]

const needLabels: Readonly<Record<string, string>> = {
  userfaultfd: 'page faults',
  kernelFaults: 'system calls',
  writeProtect: 'write protection',
  move: 'moving pages',
  poison: 'poisoned pages',
  threadId: 'faulting thread',
}

const modeLabels: Readonly<Record<FaultWay['mode'], string>> = {
  userfaultfd: 'userfaultfd',
  'userfaultfd-user-mode': 'user mode',
  signal: 'signal',
  'in-thread': 'in-thread',
}

const wayLabels = {
  'system-call': 'userfaultfd(2)',
  device: '/dev/userfaultfd',
  'user-mode-only': 'user mode only',
} as const

const causeTexts = {
  permission: 'no permission',
  seccomp: 'a seccomp filter refuses it',
  kernel: 'this kernel does not have it',
  device: 'there is no usable device node',
  resources: 'no descriptor or memory is left',
  other: 'the cause is unknown',
} as const

/** The ways in which page faults can arrive, the best one first. */
export function describeFaults({ faults, runtime }: MachineReport): Row[] {
  if (faults === null) return []
  const rows = faults.ways.map((way, index): Row => {
    const label = modeLabels[way.mode]
    if (!way.works) {
      const grade = index === 0 ? { grade: 'poor' as const } : {}
      return { label, text: `not here: ${way.reason}`, ...grade }
    }
    return { label, text: describeWorkingWay(way, faults.auto), grade: 'good' }
  })
  if (runtime.faultsVariable === null) return rows
  const text = `${runtime.faultsVariable}: what regions take that do not say otherwise`
  return [...rows, { label: 'UMAP_FAULTS', text }]
}

function describeWorkingWay({ mode, servesSystemCalls }: FaultWay, auto: string | null): string {
  const limit = servesSystemCalls ? '' : '; system calls on absent pages fail with EFAULT'
  if (mode === auto) return `works, and is what 'auto' takes${limit}`
  return mode === 'userfaultfd-user-mode' ? `works${limit}` : `works, when asked for${limit}`
}

/** What the engine uses, and what becomes of it where it is missing. */
export function describeNeeds({ needs }: MachineReport): Row[] {
  // Whether there is any way at all is what describeFaults says.
  const parts = needs.filter(({ name }) => name !== 'faults')
  return parts.map(({ name, met, required, fallback }) => {
    const label = needLabels[name] ?? name
    if (met) return { label, text: 'works', grade: 'good' }
    const text = fallback === null ? 'missing' : `missing: ${fallback}`
    return { label, text, grade: required ? 'bad' : 'poor' }
  })
}

/** The ways to a userfaultfd, and what the kernel offers behind them. */
export function describeWays({ userfaultfd }: MachineReport): Row[] {
  if (userfaultfd === null) return []
  const ways = userfaultfd.attempts.map((attempt) => ({
    label: wayLabels[attempt.way],
    text: describeAttempt(attempt, userfaultfd.way),
  }))
  if (userfaultfd.way === null) return ways
  return [...ways, { label: 'kernel features', text: describeFeatures(userfaultfd.features) }]
}

function describeAttempt({ way, available, error, cause }: Attempt, chosen: string | null): string {
  if (available && way === 'user-mode-only' && way !== chosen) {
    return 'available, but without faults inside system calls'
  }
  if (available) return way === chosen ? 'available, and used' : 'available'
  return `refused with ${error}${cause === null ? '' : `: ${causeTexts[cause]}`}`
}

function describeFeatures(features: Readonly<Record<string, boolean>>): string {
  const missing = Object.keys(features).filter((name) => !features[name])
  const count = Object.keys(features).length
  if (missing.length === 0) return `all ${count}`
  return `${count - missing.length} of ${count}, without ${missing.join(', ')}`
}

/** The machine, its memory and its limits. */
export function describeMachine(report: MachineReport): Row[] {
  return [
    ...describePlatform(report),
    ...describeMemory(report),
    ...describeLimits(report),
    ...describeInterfaces(report),
  ]
}

function describePlatform({ platform, runtime }: MachineReport): Row[] {
  const views = `views up to ${formatBytes(runtime.viewBytesMax)}`
  const node = { label: 'Node.js', text: `${runtime.nodeVersion}, ${views}` }
  if (platform === null) {
    return [{ label: 'platform', text: `${runtime.platform} ${runtime.architecture}` }, node]
  }
  const { os, kernelRelease, architecture, pageBytes, processorCount } = platform
  const pages = `pages of ${formatBytes(pageBytes)}`
  const processors = `${processorCount} processor${processorCount === 1 ? '' : 's'}`
  const text = `${os} ${kernelRelease} ${architecture}, ${pages}, ${processors}`
  return [{ label: 'platform', text }, node]
}

function describeMemory({ memory, faults }: MachineReport): Row[] {
  if (memory === null) return []
  const total = formatBytes(memory.memTotalBytes)
  const available = formatBytes(memory.memAvailableBytes)
  const huge = memory.transparentHugePages ?? 'not there'
  const shared = memory.transparentHugePagesShmem ?? 'not there'
  const promises = { heuristic: 'by guess', always: 'always granted', never: 'strictly counted' }
  const { overcommitMode } = memory
  return [
    { label: 'memory', text: `${total}, of which ${available} available` },
    { label: 'memory cgroup', text: describeCgroup(memory) },
    {
      label: 'overcommit',
      text: overcommitMode === null ? 'unknown' : `${overcommitMode}: ${promises[overcommitMode]}`,
      // Regions larger than memory cannot be reserved where each byte is counted.
      ...(overcommitMode === 'never' && { grade: 'poor' as const }),
    },
    { label: 'huge pages', text: `${huge}; for shared memory ${shared}` },
    { label: 'mappings', text: describeMappings(memory.mapCountMax, faults?.auto === 'signal') },
  ]
}

// Only the signal way has a mapping for each run of resident pages.
function describeMappings(countMax: number | null, isLimit: boolean): string {
  const text = `at most ${formatCount(countMax)} (vm.max_map_count)`
  if (!isLimit) return text
  return `${text}: bounds the runs of resident pages; more with sysctl -w vm.max_map_count=1048576`
}

function describeCgroup(memory: NonNullable<MachineReport['memory']>): string {
  if (memory.cgroupVersion === null) return 'none'
  const used = `${formatBytes(memory.cgroupCurrentBytes)} used`
  const limit = memory.cgroupLimitBytes
  const bound = limit === null ? 'no limit' : `limit ${formatBytes(limit)}`
  return `version ${memory.cgroupVersion}, ${bound}, ${used}`
}

function describeLimits({ limits }: MachineReport): Row[] {
  if (limits === null) return []
  const { addressSpaceBytes, openFilesMax, lockedBytes } = limits
  return [
    {
      label: 'address space',
      text: addressSpaceBytes === null ? 'unlimited' : `at most ${formatBytes(addressSpaceBytes)}`,
      ...(addressSpaceBytes !== null && { grade: 'poor' as const }),
    },
    {
      label: 'open files',
      text: openFilesMax === null ? 'unlimited' : `at most ${formatCount(openFilesMax)}`,
    },
    {
      label: 'locked memory',
      text: lockedBytes === null ? 'unlimited' : `at most ${formatBytes(lockedBytes)}`,
    },
  ]
}

function describeInterfaces({ interfaces }: MachineReport): Row[] {
  if (interfaces === null) return []
  const { pressureStall, pagemapScan, ioUring } = interfaces
  return [
    { label: 'memory pressure', found: pressureStall },
    { label: 'PAGEMAP_SCAN', found: pagemapScan },
    { label: 'io_uring', found: ioUring },
  ].map(({ label, found }) => ({
    label,
    text: found.available ? 'available' : `not available (${found.error})`,
  }))
}
