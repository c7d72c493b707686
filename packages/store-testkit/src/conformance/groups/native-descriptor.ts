// Stores that let the engine do the I/O itself: the descriptor and the functions show one data set.

import { fstatSync, readSync, writeSync } from 'node:fs'
import { expectBytes, expectThat, show } from '../expect.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'

const contract =
  "capabilities.nativeFd holds the store's bytes from offset 0 on, and may be used beside read and" +
  ' write.'

/** Tests of `capabilities.nativeFd`. */
export const nativeDescriptor: TestGroup = {
  name: 'nativeFd',
  tests: [
    { name: 'shows the bytes of the store', contract, needs: ['nativeFd'], run: showsBytes },
    {
      name: 'is written like the store',
      contract,
      needs: ['nativeFd', 'writable'],
      run: isWritten,
    },
    {
      name: 'of a read-only store cannot be written',
      contract: 'nothing changes a store that was opened read-only.',
      needs: ['nativeFd'],
      run: cannotBeWritten,
    },
  ],
}

async function showsBytes(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const fd = descriptorOf(trial)
  const { size } = fstatSync(fd)
  expectThat(
    size === subject.byteLength,
    `nativeFd leads to ${size} bytes, byteLength is ${subject.byteLength}`,
  )
  for (const { offset, byteLength } of trial.pages(4)) {
    if (subject.store.capabilities.writable) {
      await subject.write(offset, trial.random.bytes(pageBytes))
    }
    const expected = await subject.bytes(offset, byteLength)
    const found = new Uint8Array(byteLength)
    readSync(fd, found, 0, byteLength, offset)
    expectBytes(found, expected, offset, 'a read of nativeFd')
  }
}

async function isWritten(trial: Trial): Promise<void> {
  const { subject } = trial
  const fd = descriptorOf(trial)
  const written: { offset: number; bytes: Uint8Array }[] = []
  for (const { offset, byteLength } of trial.pages(4)) {
    const bytes = trial.random.bytes(byteLength)
    writeSync(fd, bytes, 0, byteLength, offset)
    await subject.expectBytes(offset, bytes, 'a page that was written through nativeFd')
    written.push({ offset, bytes })
  }
  await subject.flush()
  const again = await trial.reopen()
  for (const { offset, bytes } of written) {
    await again.expectBytes(offset, bytes, 'a page that was written through nativeFd and flushed')
  }
}

async function cannotBeWritten(trial: Trial): Promise<void> {
  const subject = await trial.reopen('read-only')
  if (subject.store.capabilities.writable) {
    trial.skip("reopen gives a writable store though it is asked for 'read-only'")
  }
  const bytes = await subject.bytes(0, trial.pageBytes)
  const { nativeFd } = subject.store.capabilities
  if (nativeFd === undefined) {
    trial.skip('the store has no nativeFd when it is read-only')
  }
  let refusal: unknown
  try {
    writeSync(nativeFd, new Uint8Array([bytes[0]! ^ 0xff]), 0, 1, 0)
  } catch (error) {
    refusal = error
  }
  expectThat(refusal !== undefined, `nativeFd of a read-only store took a write (${show(refusal)})`)
}

function descriptorOf(trial: Trial): number {
  return trial.subject.store.capabilities.nativeFd ?? trial.skip('the store has no nativeFd')
}
