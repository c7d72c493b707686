// What the addon exports, function by function. Arguments are checked well enough that nonsense
// throws a TypeError and never crashes; ranges and states are the engine's and the caller's matter.

import type { OnHostCall } from './host-call.ts'
import type { NativeError } from './native-error.ts'
import type {
  BufferId,
  ClientId,
  FaultChoice,
  HostCallStats,
  HostId,
  HostLinkId,
  KeeperId,
  LedgerId,
  NativeAllowRule,
  NativeBufferStats,
  NativeKeptDataset,
  NativeMappedDataset,
  NativeRegionEvent,
  NativeRegionInfo,
  NativeRegionStats,
  NativeServerLimits,
  NativeStoreSpec,
  RegionId,
  ServerId,
} from './native-types.ts'

/**
 * The functions of the addon. All of them belong to the thread that loaded it; ids are valid in
 * every thread of the process.
 *
 * Operating failures throw, or reject with, a {@link NativeError}. An id that is not, or no longer,
 * known is the errno EBADF. Promises that are pending keep the event loop alive; subscriptions and
 * an idle store host do not.
 */
export interface NativeBinding {
  /** What this machine can do, as the JSON of a `ProbeReport`. Takes some milliseconds. */
  probe(): string
  /**
   * Process-wide options; they count from the next start of the engine, when no region is open.
   *
   * @param options `featuresDenied` are numbers of userfaultfd feature bits (16 is
   * UFFD_FEATURE_MOVE) that the engine must do without; `logLevel` is 0 (silent) to 4 (debug)
   */
  configureEngine(options: {
    readonly fillers?: number
    readonly evictors?: number
    readonly faultEventsMax?: number
    readonly logLevel?: number
    readonly featuresDenied?: readonly number[]
  }): void

  /**
   * Makes a page buffer. It belongs to this environment and is released with it; open regions keep
   * it. A budget of 0 is adaptive, a watermark of 0 the default.
   */
  bufferCreate(options: {
    readonly budgetBytes: number
    readonly highWaterPercent: number
    readonly lowWaterPercent: number
  }): BufferId
  bufferStats(id: BufferId): NativeBufferStats
  /** Forgets the id. The memory goes with the last region that uses the buffer. */
  bufferRelease(id: BufferId): void

  /** Opens a region; this environment holds one reference to it, see {@link regionClose}. */
  regionOpen(options: {
    readonly store: NativeStoreSpec
    readonly writable: boolean
    readonly pageBytes: number
    readonly offset: number
    readonly byteLength: number
    readonly bufferId: BufferId
    /** Read-ahead window at most; -1 is the default, 0 none. */
    readonly readAheadPagesMax: number
    /**
     * Default 'auto'. What cannot be had is the errno EPERM or ENOSYS. 'shared' is for the clients
     * of a server, see {@link serverAddDataset}: this process cannot map such a region.
     */
    readonly faults?: FaultChoice | 'shared'
    /** With 'shared': where its pages outlive this process, and come from if they did. */
    readonly ledgerId?: LedgerId
    /** With 'shared'. */
    readonly datasetName?: string
  }): RegionId
  /** Facts about an open region, for who attaches to it. */
  regionInfo(id: RegionId): NativeRegionInfo
  /**
   * The region's memory as a buffer of this isolate. One buffer per isolate and kind: a second call
   * returns the same object and counts.
   *
   * Holding more mappings than references takes one more reference. So the opener, who has one,
   * opens, maps, unmaps and closes; who attaches maps, unmaps and closes; each gives back exactly
   * what it took.
   *
   * @throws RangeError for more than 4 GiB before Node 22; NativeError with EDEADLK in a thread that
   * serves a store host, ENOTSUP when `shared` or external memory is not to be had in this Node
   */
  regionMap(id: RegionId, shared: false): ArrayBuffer
  regionMap(id: RegionId, shared: true): SharedArrayBuffer
  regionMap(id: RegionId, shared: boolean): ArrayBuffer | SharedArrayBuffer
  /**
   * Takes back one {@link regionMap}. With the last one of this isolate its ArrayBuffer is detached;
   * a SharedArrayBuffer cannot be, and must not be touched any more.
   */
  regionUnmap(id: RegionId): void
  /**
   * Drops one reference of this environment. The last reference in the process closes the region:
   * dirty pages are written back and made durable, and the memory is unmapped.
   *
   * Memory is never unmapped while an isolate can reach it. An ArrayBuffer is detached, and the
   * promise waits for the moment in which V8 lets go of it. A SharedArrayBuffer, or an ArrayBuffer
   * that was moved away with `transfer()`, may live on: then the region is flushed and its pages are
   * evicted before the promise resolves, and it is closed when the garbage collector frees the last
   * such buffer.
   *
   * @returns true when this was the last reference: everything is in the store, the id is dead.
   * Rejects and keeps reference and region when the write-back fails; it may be repeated.
   */
  regionClose(id: RegionId): Promise<boolean>
  /** Fills without touching. `ranges` are pairs of offset and byteLength. */
  regionPrefault(id: RegionId, ranges: Float64Array): Promise<void>
  regionFlush(id: RegionId, offset: number, byteLength: number): Promise<void>
  regionEvict(id: RegionId, offset: number, byteLength: number): Promise<void>
  regionDiscard(id: RegionId, offset: number, byteLength: number): Promise<void>
  /** Makes the range resident and keeps it so. Blocks this thread until it is. */
  regionPin(id: RegionId, offset: number, byteLength: number): void
  regionUnpin(id: RegionId, offset: number, byteLength: number): void
  regionStats(id: RegionId): NativeRegionStats
  /** Listens. Events that come faster than this thread takes them are dropped, oldest kept. */
  regionSubscribe(id: RegionId, onEvent: (event: NativeRegionEvent) => void): number
  regionUnsubscribe(id: RegionId, subscription: number): void

  /**
   * Makes the meeting point of regions and the worker that runs their stores. It belongs to this
   * environment. Without a worker for `graceMs`, calls fail with ECONNRESET.
   */
  hostCreate(options: { readonly arenaBytes: number; readonly graceMs: number }): HostId
  /**
   * Takes over a store host in the thread that runs the stores. Such a thread can map no region,
   * because a thread that is blocked in a fault cannot answer it.
   *
   * While calls come densely and all are answered at once, the thread waits for the next one
   * without its event loop, for 2 ms at most.
   *
   * @param onCall gets each call; it must not throw and answers with {@link hostComplete}
   * @returns the arena: bytes of reads go to, and bytes of writes lie at, `arenaOffset`
   * @throws NativeError with EBUSY while another environment serves this host, EDEADLK in a thread
   * that maps a region
   */
  hostServe(id: HostId, onCall: OnHostCall): ArrayBuffer
  /**
   * For a microtask, when calls were shown and not answered at once: waits for the next ones as soon
   * as these are answered. Stores whose promises wait for nothing are served so.
   *
   * @returns true: call it again in another microtask; false: the event loop goes on
   */
  hostTurn(): boolean
  /** Ends the service. Calls that were shown and not answered wait for the next one. */
  hostUnserve(id: HostId): void
  /** Answers a call: 0 done, 1 hole, 2 error. An unknown token is ignored. */
  hostComplete(id: HostId, token: number, outcome: 0 | 1 | 2, errorJson?: string): void
  hostCalls(id: HostId): HostCallStats
  /** Fails what is pending and what still comes, and forgets the id. */
  hostClose(id: HostId): void

  /**
   * Makes the link to a process that is going to run stores. It belongs to this environment. That
   * process inherits {@link hostLinkChildFd}, and ends when the link is closed, when this process
   * is gone, and when the thread that started it is gone.
   */
  hostLinkCreate(): HostLinkId
  hostLinkChildFd(link: HostLinkId): number
  /** The process was started: closes this process's copy of its descriptor. */
  hostLinkStarted(link: HostLinkId): void
  /**
   * Lets the process at the other end serve `id`: its next {@link hostServe} takes that host over.
   * Bytes go through shared memory.
   *
   * @throws NativeError with EBUSY while the host is served, EBADF where it is closed
   */
  hostLinkServe(link: HostLinkId, id: HostId): void
  hostLinkUnserve(link: HostLinkId, id: HostId): void
  /** Ends all services over the link, and the process. Of a link that is closed too. */
  hostLinkClose(link: HostLinkId): void
  /** In the process that was started: its end of the link. From now on it serves the other one's. */
  hostLinkAccept(fd: number): void

  /** Makes what keeps the descriptors of servers that this process starts. */
  keeperOpen(): KeeperId
  /**
   * The descriptor that the next server inherits, for {@link ledgerOpen}; the caller closes it once
   * that process is started. The server before must be dead.
   */
  keeperRenew(id: KeeperId): number
  /** The names of what is kept, in order. */
  keeperKeys(id: KeeperId): string[]
  /** Lets go of everything; a server that lives is told. */
  keeperClose(id: KeeperId): void

  /**
   * Takes over `fd`, which it closes, and what the server before left.
   *
   * @param onGone called once when the keeper is gone: nobody will start another server
   * @throws NativeError with EPROTO where the keeper is of another release, EINVAL for another
   * descriptor
   */
  ledgerOpen(fd: number, onGone: () => void): LedgerId
  /** `datasets` are those of the server before that no region has been opened over yet. */
  ledgerFacts(id: LedgerId): {
    readonly generation: number
    readonly datasets: readonly NativeKeptDataset[]
  }
  /** The data set is closed, and everything is in its store: its pages need not outlive anything. */
  ledgerDropDataset(id: LedgerId, name: string): void
  /** Forgets the id; servers go on using the ledger. */
  ledgerClose(id: LedgerId): void

  /** Makes a server, which keeps the event loop alive until {@link serverClose}. */
  serverOpen(options: {
    readonly socketPath: string
    readonly socketMode: number
    readonly limits: NativeServerLimits
    readonly bufferId: BufferId
    readonly ledgerId?: LedgerId
  }): ServerId
  /** The region is one that was opened with 'shared'; the server keeps a reference to it. */
  serverAddDataset(
    id: ServerId,
    dataset: {
      readonly name: string
      readonly regionId: RegionId
      /** Default: this process's own user, and root. */
      readonly allow?: readonly NativeAllowRule[]
    },
  ): void
  /** Listens, and takes over what the ledger has. EADDRINUSE: another server lives at the path. */
  serverStart(id: ServerId): void
  /** JSON; its shape is docs/server-protocol.md's. */
  serverStats(id: ServerId): string
  /**
   * Says goodbye to the clients, and writes everything back durably. The id is dead at once; the
   * regions are given back before it settles. Rejects with the first failure of a write-back.
   */
  serverClose(id: ServerId): Promise<void>

  /**
   * Connects to the server at a Unix socket, and hands it this process's page faults. Waits, on a
   * thread of the engine, while the server is being started again, for `serverTimeoutMs` at most;
   * later a server that says nothing for so long counts as gone. The connection belongs to this
   * environment and ends with the last region that was mapped through it.
   *
   * @param options `featuresDenied` are numbers of userfaultfd feature bits to do without, for tests
   * @returns rejects with EPERM or ENOSYS where this process can have no userfaultfd, ENONET where
   * no server answers, EACCES where it refuses
   */
  clientConnect(
    path: string,
    options: { readonly serverTimeoutMs: number; readonly featuresDenied?: readonly number[] },
  ): Promise<ClientId>
  /**
   * Maps a data set as a region, which all functions for regions take: its pages are the server's.
   * Where the server is gone for good, they reject with ENONET, and touches of pages that are not in
   * memory raise SIGBUS.
   */
  clientMap(id: ClientId, name: string, writable: boolean): Promise<NativeMappedDataset>
  /** Forgets the id. Regions that were mapped through it go on. */
  clientClose(id: ClientId): void
  /** The statistics of the server at a socket, as JSON; fails at once where there is none. */
  clientServerStats(path: string): Promise<string>

  /**
   * Makes each thread that reaches a named point of the pipeline wait there; 0 ends that. There
   * only with UMAP_TEST_POINTS=1 in the environment.
   */
  setTestPoint?(name: string, delayMs: number): void
}

/** What only this package calls. */
export interface NativeAddon extends NativeBinding {
  /** The class of the errors that this environment's functions throw. */
  setErrorClass(errorClass: typeof NativeError): void
  /** Delivers the events that wait for this thread. They alone do not keep its event loop alive. */
  runTasks(): void
  /**
   * The main thread's JavaScript is done. From now on nothing waits for a store host that is gone;
   * where that leaves a thread blocked, the process ends all the same, with `exitCode`.
   */
  processExiting(exitCode: number): void
}
