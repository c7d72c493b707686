// Stores whose process is killed with SIGKILL, and that are opened again. Needs a reference that
// another process can open.

import { randomUUID } from 'node:crypto'
import { type OpenStoreContext, openStoreRef, type PageStore, resolveStoreRef } from '@umap/store'
import { type CrashOutcome, crash } from '../crash.ts'
import { actionOf, type CrashMoment, type CrashPlan, flushedBytesOf } from '../crash-plan.ts'
import { expectBytes, expectThat, fail, firstDifference } from '../expect.ts'
import { Subject } from '../subject.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'
import { contractOfOverlappingFlushes } from './durability.ts'

const pageCountMax = 64
const crashTimeoutMs = 60_000

const contract =
  'what a flush covered survives the end of the process. Of what was written after it, a crash may' +
  ' leave any part, but nothing else: with atomicFlush, all of the next flush or none of it.'

/** Tests that kill a store. */
export const crashes: TestGroup = {
  name: 'a store that is killed',
  tests: [
    {
      name: 'after a flush has all of its bytes',
      contract,
      needs: ['writable', 'ref'],
      isSlow: true,
      run: (trial) => killAndLook(trial, { when: 'flushed' }, 1),
    },
    {
      name: 'after a flush beside another has all of their bytes',
      contract: contractOfOverlappingFlushes,
      needs: ['writable', 'ref'],
      isSlow: true,
      run: (trial) => killAndLook(trial, { when: 'flushed beside another' }, 1),
    },
    {
      name: 'and opened again by its session has all that was written, or is refused',
      contract:
        'when the host of a store dies, the engine opens the store again with the session of the' +
        ' first opening, and goes on. Writes that had resolved must be there, flushed or not, or' +
        ' the opening (or the read) must be rejected: older bytes would be a lost update.',
      needs: ['writable', 'ref'],
      isSlow: true,
      run: openAgainBySession,
    },
    {
      name: 'between write and flush has the state of the last flush',
      contract,
      needs: ['writable', 'ref'],
      isSlow: true,
      run: async (trial) => {
        await killAndLook(trial, { when: 'written' }, 2)
        await killAndLook(trial, { when: 'writing' }, 1)
      },
    },
    {
      name: 'while it flushes has the state before or after',
      contract,
      needs: ['writable', 'ref'],
      isSlow: true,
      run: async (trial) => {
        const { kills } = trial.options
        for (let kill = 0; kill < kills; kill++) {
          // Two flushes before: the second is of the size of the one that is killed.
          await killAndLook(trial, { when: 'flushing', share: kill / kills }, 2)
        }
      },
    },
  ],
}

async function openAgainBySession(trial: Trial): Promise<void> {
  const plan = planCrash(trial, { when: 'written' }, 1)
  await trial.subject.close()
  const { version } = await crash(plan, crashTimeoutMs)
  const { session } = plan
  let store: PageStore
  try {
    const context = { access: 'read-write', session, ...(version !== undefined && { version }) }
    store = await openStoreRef(plan.ref, context as OpenStoreContext)
  } catch {
    return
  }
  const subject = new Subject(store, trial.options.deadlineMs)
  try {
    for (let page = 0; page < plan.pageCount; page++) {
      const found = new Uint8Array(plan.pageBytes).fill(0xa5)
      const offset = page * plan.pageBytes
      const result = await subject.startRead(offset, found).settled
      if (result.ok) {
        const bytes = result.value === 'hole' ? new Uint8Array(plan.pageBytes) : found
        const what = `page ${page}, opened again by the session that had written it`
        expectBytes(bytes, flushedBytesOf(plan, plan.flushCount + 1, page), offset, what)
      }
    }
  } finally {
    await subject.close()
  }
}

async function killAndLook(trial: Trial, moment: CrashMoment, flushCount: number): Promise<void> {
  const plan = planCrash(trial, moment, flushCount)
  await trial.subject.close()
  const outcome = await crash(plan, crashTimeoutMs)
  expectThat(outcome.flushed >= flushCount, `only ${outcome.flushed} of ${flushCount} flushes`)
  const subject = await trial.openAgain()
  const pages: Uint8Array[] = []
  for (let page = 0; page < plan.pageCount; page++) {
    pages.push(await subject.bytes(page * plan.pageBytes, plan.pageBytes))
  }
  checkPages(plan, outcome, pages, subject.store.capabilities.atomicFlush)
}

function planCrash(trial: Trial, moment: CrashMoment, flushCount: number): CrashPlan {
  return {
    ref: resolveStoreRef(trial.ref()),
    seed: trial.random.integer(2 ** 32),
    pageBytes: trial.pageBytes,
    pageCount: Math.min(pageCountMax, Math.floor(trial.subject.byteLength / trial.pageBytes)),
    canDiscard: trial.subject.store.discard !== undefined,
    session: randomUUID(),
    flushCount,
    moment,
  }
}

function checkPages(
  plan: CrashPlan,
  outcome: CrashOutcome,
  pages: readonly Uint8Array[],
  isAtomic: boolean,
): void {
  const { flushed } = outcome
  const what = describeCrash(plan, outcome)
  let newer = 0
  let older = 0
  for (const [page, found] of pages.entries()) {
    const old = flushedBytesOf(plan, flushed, page)
    const isRewritten = flushed === plan.flushCount && actionOf(plan, flushed + 1, page) !== 'keep'
    if (!isRewritten) {
      const at = firstDifference(found, old)
      expectThat(
        at < 0,
        `${what}: byte ${at} of page ${page}, which was flushed and not written since, is` +
          ` ${found[at]}, not ${old[at]}`,
      )
      continue
    }
    const next = flushedBytesOf(plan, flushed + 1, page)
    const isOld = firstDifference(found, old) < 0
    const isNew = firstDifference(found, next) < 0
    // A page that was discarded twice tells nothing.
    older += isOld && !isNew ? 1 : 0
    newer += isNew && !isOld ? 1 : 0
    if (!isOld && !isNew) {
      const at = found.findIndex((byte, index) => byte !== old[index] && byte !== next[index])
      expectThat(
        !isAtomic && at < 0,
        `${what}: page ${page} is neither what was flushed nor what was written since` +
          (at < 0 ? ', but a mixture' : ` (byte ${at} is ${found[at]})`),
      )
    }
  }
  if (isAtomic && older > 0 && newer > 0) {
    fail(`${what}: ${newer} pages are new and ${older} are old, though atomicFlush is true`)
  }
}

const moments = {
  flushed: 'after a flush',
  'flushed beside another': 'after a flush beside another',
  writing: 'in a write',
  written: 'before a flush',
}

function describeCrash({ moment }: CrashPlan, { flushed, isFlushing }: CrashOutcome): string {
  const where =
    moment.when === 'flushing'
      ? `${isFlushing ? 'in' : 'after'} a flush, at ${Math.round(moment.share * 100)} % of its time`
      : moments[moment.when]
  return `killed ${where} (${flushed} flushes had resolved)`
}
