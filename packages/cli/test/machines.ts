// Made-up machine reports for tests of the text, complete and typed, so that a change of the
// report's shape shows here.

import type { MachineReport } from '../src/machine.ts'

type Need = MachineReport['needs'][number]

const need = (name: string, title: string, required: boolean, fallback: string | null): Need => ({
  name,
  title,
  required,
  met: true,
  fallback,
  remedies: [],
})

type FaultWay = NonNullable<MachineReport['faults']>['ways'][number]

const way = (mode: FaultWay['mode'], servesSystemCalls: boolean): FaultWay => ({
  mode,
  works: true,
  servesSystemCalls,
  reason: null,
  remedies: [],
})

/** A machine on which everything works. */
export const workingMachine: MachineReport = {
  paging: 'yes',
  summary: 'yes: this machine can page with userfaultfd',
  faults: {
    auto: 'userfaultfd',
    ways: [
      way('userfaultfd', true),
      way('userfaultfd-user-mode', false),
      way('signal', false),
      way('in-thread', false),
    ],
    recipes: [],
  },
  needs: [
    need('faults', 'a way in which page faults arrive', true, null),
    need('userfaultfd', 'a userfaultfd whose faults are delivered', false, 'signals'),
    need('kernelFaults', 'faults inside system calls', false, 'pin such ranges'),
    need('move', 'moving pages (MOVE)', false, 'pages are copied'),
  ],
  userfaultfd: {
    way: 'system-call',
    attempts: [
      { way: 'system-call', available: true, error: null, cause: null },
      { way: 'device', available: false, error: 'ENOENT', cause: 'device' },
      { way: 'user-mode-only', available: true, error: null, cause: null },
    ],
    features: { pagefaultFlagWp: true, poison: true, move: true },
    checks: { missingFault: { ok: true, detail: null } },
  },
  permissions: {
    effectiveUserId: 1000,
    capSysPtrace: false,
    initialUserNamespace: true,
    unprivilegedUserfaultfd: 1,
    seccomp: 'none',
    deviceMode: null,
    deviceOffered: true,
  },
  platform: {
    os: 'linux',
    architecture: 'x86_64',
    kernelRelease: '6.8.0',
    pageBytes: 4096,
    processorCount: 1,
  },
  memory: {
    memTotalBytes: 16 * 2 ** 30,
    memAvailableBytes: 10.25 * 2 ** 30,
    cgroupVersion: 2,
    cgroupLimitBytes: 512 * 2 ** 20,
    cgroupCurrentBytes: 100 * 2 ** 20,
    overcommitMode: 'heuristic',
    mapCountMax: 65530,
    transparentHugePages: 'madvise',
    transparentHugePagesShmem: null,
  },
  limits: { addressSpaceBytes: null, openFilesMax: 1024, lockedBytes: 8 * 2 ** 20 },
  interfaces: {
    pagemapScan: { available: false, error: 'ENOTTY' },
    pressureStall: { available: true, error: null },
    ioUring: { available: false, error: 'EPERM' },
  },
  runtime: {
    nodeVersion: 'v20.19.0',
    platform: 'linux',
    architecture: 'x64',
    viewBytesMax: 4 * 2 ** 30,
    faultsVariable: null,
  },
}

/** The same machine, where these needs are not met for want of the same things. */
export function machineWithout(...names: string[]): MachineReport {
  const remedies = [
    { kind: 'sysctl', remedy: 'allow it to everybody' },
    { kind: 'capability', remedy: 'give it CAP_SYS_PTRACE' },
  ] as const
  const needs = workingMachine.needs.map((each) =>
    names.includes(each.name) ? { ...each, met: false, remedies } : each,
  )
  return { ...workingMachine, paging: 'no', summary: 'no: it does not work', needs }
}

/** A machine that refuses userfaultfd, so that signals are the best way. */
export function machineOfSignals(): MachineReport {
  const refused = {
    works: false,
    reason: 'userfaultfd(2) fails with EPERM: a seccomp filter refuses it',
    remedies: [{ kind: 'seccomp', remedy: 'allow it in the filter' }],
  } as const
  const ways = (workingMachine.faults?.ways ?? []).map((each) =>
    each.mode === 'signal' ? each : { ...each, ...refused },
  )
  return {
    ...machineWithout('userfaultfd', 'kernelFaults'),
    paging: 'limited',
    summary: 'yes, second best: this machine can page with signals',
    faults: {
      auto: 'signal',
      ways,
      recipes: [{ place: 'docker', recipe: 'docker run --device /dev/userfaultfd IMAGE' }],
    },
  }
}
