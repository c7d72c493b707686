// The shape of a probe's answer. Types only; os/probe_json.cc writes it. null means: could not be
// found out, or does not apply.

/** What this machine can do for paging with userfaultfd, found out by trying it. */
export interface ProbeReport {
  /** 'user-mode-only': system calls on absent pages would fail; the engine refuses it. */
  readonly paging: 'yes' | 'user-mode-only' | 'no'
  /** The verdict in one sentence. */
  readonly summary: string
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
  readonly remedies: readonly {
    readonly kind: 'device' | 'sysctl' | 'capability' | 'seccomp' | 'policy' | 'kernel' | 'limit'
    readonly remedy: string
  }[]
}

/** The ways to a userfaultfd, and what it can do. */
export interface ProbeUserfaultfd {
  /** The way that the engine takes; null: none works. */
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
