// The shape of a probe's answer. Types only; os/probe_json.cc writes it. null means: could not be
// found out, or does not apply.

import type { FaultMode } from './native-types.ts'

/** What this machine can do for paging, found out by trying it. */
export interface ProbeReport {
  /** 'limited': some way works, but in it system calls on absent pages fail with EFAULT. */
  readonly paging: 'yes' | 'limited' | 'no'
  /** The verdict in one sentence. */
  readonly summary: string
  readonly faults: ProbeFaults
  /** Everything the engine uses, with what to do about what is missing. */
  readonly needs: readonly ProbeNeed[]
  readonly userfaultfd: ProbeUserfaultfd
  readonly permissions: ProbePermissions
  readonly platform: ProbePlatform
  readonly memory: ProbeMemory
  /** Soft limits; null is unlimited. */
  readonly limits: {
    readonly addressSpaceBytes: number | null
    readonly openFilesMax: number | null
    readonly lockedBytes: number | null
  }
  readonly interfaces: {
    readonly pagemapScan: ProbeInterface
    readonly pressureStall: ProbeInterface
    readonly ioUring: ProbeInterface
  }
}

/** The ways in which faults can arrive. */
export interface ProbeFaults {
  /** What `faults: 'auto'` takes: the first of `ways` that works, 'in-thread' excepted. */
  readonly auto: FaultMode | null
  /** All of them, the best one first. */
  readonly ways: readonly ProbeFaultWay[]
  /** What gives the best way, each by itself; empty where it works, or where no setting helps. */
  readonly recipes: readonly {
    readonly place: 'machine' | 'docker' | 'podman' | 'kubernetes'
    readonly recipe: string
  }[]
}

/** A way in which faults can arrive, really tried. */
export interface ProbeFaultWay {
  readonly mode: FaultMode
  readonly works: boolean
  /** Whether system calls fill absent pages, instead of failing with EFAULT. */
  readonly servesSystemCalls: boolean
  /** Why it does not work; null when it does. */
  readonly reason: string | null
  readonly remedies: readonly ProbeRemedy[]
}

/** A way out, in words that can be followed. */
export interface ProbeRemedy {
  readonly kind: 'device' | 'sysctl' | 'capability' | 'seccomp' | 'policy' | 'kernel' | 'limit'
  readonly remedy: string
}

/** A way to a userfaultfd: the system call, /dev/userfaultfd, or without faults of the kernel. */
export type ProbeWay = 'system-call' | 'device' | 'user-mode-only'

/** Something that the engine uses. */
export interface ProbeNeed {
  /** Stable, camelCase. */
  readonly name: string
  /** What it is, in plain words. */
  readonly title: string
  readonly required: boolean
  readonly met: boolean
  /** What the engine does without it; null: nothing, it cannot run. */
  readonly fallback: string | null
  /** Empty when met. Any one of them is enough, unless its text says otherwise. */
  readonly remedies: readonly ProbeRemedy[]
}

/** The ways to a userfaultfd, and what it can do. */
export interface ProbeUserfaultfd {
  /** The first that works; null: none does. */
  readonly way: ProbeWay | null
  readonly attempts: readonly {
    readonly way: ProbeWay
    readonly available: boolean
    /** The errno's name, such as 'EPERM'. */
    readonly error: string | null
    readonly cause: 'permission' | 'seccomp' | 'kernel' | 'device' | 'resources' | 'other' | null
  }[]
  /** What the kernel offers, by name: 'move', 'poison', 'threadId', … */
  readonly features: Readonly<Record<string, boolean>>
  /** What was really tried, by name: 'missingFault', 'move', … */
  readonly checks: Readonly<
    Record<string, { readonly ok: boolean | null; readonly detail: string | null }>
  >
}

/** What decides whether this user may have a userfaultfd. */
export interface ProbePermissions {
  readonly effectiveUserId: number
  readonly capSysPtrace: boolean
  readonly initialUserNamespace: boolean | null
  readonly unprivilegedUserfaultfd: number | null
  readonly seccomp: 'none' | 'strict' | 'filter' | null
  /** Permission bits of /dev/userfaultfd, in octal. */
  readonly deviceMode: string | null
  /** Whether the kernel offers the device, whether or not there is a node. */
  readonly deviceOffered: boolean
}

/** The machine. */
export interface ProbePlatform {
  readonly os: string | null
  readonly architecture: string | null
  readonly kernelRelease: string | null
  readonly pageBytes: number
  readonly processorCount: number
}

/** Memory, and what limits it. */
export interface ProbeMemory {
  readonly memTotalBytes: number | null
  readonly memAvailableBytes: number | null
  readonly cgroupVersion: number | null
  readonly cgroupLimitBytes: number | null
  readonly cgroupCurrentBytes: number | null
  readonly overcommitMode: 'heuristic' | 'always' | 'never' | null
  readonly mapCountMax: number | null
  readonly transparentHugePages: string | null
  readonly transparentHugePagesShmem: string | null
}

/** A kernel interface that was tried. */
export interface ProbeInterface {
  readonly available: boolean
  /** The errno's name. */
  readonly error: string | null
}
