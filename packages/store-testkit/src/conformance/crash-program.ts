// The process that is killed: opens a store, writes and flushes generations of pages, says on
// standard output what was flushed, and kills itself where the plan says so. Started by crash.ts.

import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { openStoreRef, type PageStore } from '@umap/store'
import { type Killer, startKiller } from './crash-killer.ts'
import { actionOf, type CrashPlan, pageBytesOf } from './crash-plan.ts'
import { flushBesideAnother } from './overlapping-flushes.ts'

process.once('message', async (plan: CrashPlan) => {
  // Nothing may keep the process alive but the store. Node 20 goes on with the channel once this
  // listener has returned, so that it must be there until then.
  await setImmediate()
  process.disconnect()
  run(plan).then(
    () => process.exit(4),
    (error) => {
      console.error(error)
      process.exit(3)
    },
  )
})

async function run(plan: CrashPlan): Promise<void> {
  const killer = await startKiller()
  const store = await openStoreRef(plan.ref, { access: 'read-write', session: plan.session })
  say(`version ${store.version === undefined ? '' : JSON.stringify(store.version)}`)
  let flushMs = 0
  for (let generation = 1; generation <= plan.flushCount; generation++) {
    await writeGeneration(store, plan, generation)
    const startMs = performance.now()
    await store.flush?.()
    flushMs = performance.now() - startMs
    say(`flushed ${generation}`)
  }
  const last = plan.flushCount + 1
  switch (plan.moment.when) {
    case 'flushed':
      return killNow()
    case 'flushed beside another':
      await writeGeneration(store, plan, last)
      await flushBesideAnother(async () => store.flush?.())
      say(`flushed ${last}`)
      return killNow()
    case 'writing':
      return writeGeneration(store, plan, last, true)
    case 'written':
      await writeGeneration(store, plan, last)
      say('written')
      return killNow()
    case 'flushing':
      await writeGeneration(store, plan, last)
      await killWhileFlushing(store, last, plan.moment.share * flushMs, killer)
  }
}

async function killWhileFlushing(
  store: PageStore,
  generation: number,
  killAfterMs: number,
  killer: Killer,
): Promise<void> {
  say('flushing')
  killer.killAfter(killAfterMs)
  await store.flush?.()
  say(`flushed ${generation}`)
  await killer.ended
}

async function writeGeneration(
  store: PageStore,
  plan: CrashPlan,
  generation: number,
  killInside = false,
): Promise<void> {
  const { signal } = new AbortController()
  for (let page = 0; page < plan.pageCount; page++) {
    const action = actionOf(plan, generation, page)
    const offset = page * plan.pageBytes
    if (action === 'keep') {
      continue
    }
    const done =
      action === 'discard'
        ? store.discard?.(offset, plan.pageBytes)
        : store.write?.(offset, pageBytesOf(plan, generation, page), { signal })
    if (killInside && page >= plan.pageCount / 2) {
      killNow()
    }
    await done
  }
}

// Straight to the descriptor: what a stream still holds dies with the process.
function say(line: string): void {
  writeSync(1, `${line}\n`)
}

function killNow(): void {
  process.kill(process.pid, 'SIGKILL')
}
