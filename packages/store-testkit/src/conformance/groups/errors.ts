// Errors as programs read them: a code that decides, and whether another try can help.

import { inspect } from 'node:util'
import { serializeError, storeErrorCodes } from '@umap/store'
import { expectThat, fail, show } from '../expect.ts'
import type { StartedCall } from '../subject.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'

const messageLengthMax = 2000

/** Tests of what calls are rejected with. */
export const errors: TestGroup = {
  name: 'errors',
  tests: [
    {
      name: 'are StoreErrors with a stable code',
      contract:
        'operating failures are StoreErrors: code is a string that never changes its meaning' +
        " ('STORE_RANGE', 'STORE_READ_ONLY', 'STORE_CLOSED' for these), retryable a boolean, the" +
        ' message short and without secrets.',
      run: areStoreErrors,
    },
  ],
}

async function areStoreErrors(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const { writable } = subject.store.capabilities
  const { range, readOnly, closed } = storeErrorCodes
  const outside = subject.byteLength
  const page = new Uint8Array(pageBytes)
  await check(trial, 'read past the end', range, subject.startRead(outside, page))
  if (writable) {
    await check(trial, 'write past the end', range, subject.startWrite(outside, page))
    const readOnlySubject = await trial.reopen('read-only')
    if (!readOnlySubject.store.capabilities.writable && readOnlySubject.store.write) {
      const call = readOnlySubject.startWrite(0, page)
      await check(trial, 'write to a read-only store', readOnly, call)
    }
  } else if (subject.store.write !== undefined) {
    await check(trial, 'write to a read-only store', readOnly, subject.startWrite(0, page))
  }
  const last = trial.subject
  await last.close()
  await check(trial, 'read after close', closed, last.startRead(0, page))
}

async function check(
  trial: Trial,
  what: string,
  code: string,
  call: StartedCall<unknown>,
): Promise<void> {
  const result = await call.settled
  // That a call is refused at all is the affair of other tests.
  if (result.ok) {
    return
  }
  const { reason } = result
  if (!(reason instanceof Error)) {
    fail(`${what} was rejected with ${show(reason)}, which is no Error`)
  }
  const found = { code: Reflect.get(reason, 'code'), retryable: Reflect.get(reason, 'retryable') }
  expectThat(
    typeof found.code === 'string' && found.code !== '',
    `${what} was rejected with an error whose code is ${inspect(found.code)}: ${show(reason)}`,
  )
  expectThat(
    typeof found.retryable === 'boolean',
    `${what} was rejected with an error whose retryable is ${inspect(found.retryable)}: ` +
      show(reason),
  )
  expectThat(found.code === code, `${what} was rejected with ${show(reason)} instead of ${code}`)
  expectThat(!found.retryable, `${what} is called retryable, and can never succeed`)
  expectThat(
    reason.message !== '' && reason.message.length <= messageLengthMax,
    `${what}: a message of ${reason.message.length} characters`,
  )
  const texts = [inspect(reason, { depth: 8 }), JSON.stringify(serializeError(reason))]
  for (const [index, secret] of (trial.options.secrets ?? []).entries()) {
    // The failure must not show the secret either.
    expectThat(
      !texts.some((text) => text.includes(secret)),
      `${what}: the error holds secret ${index} of the option secrets`,
    )
  }
}
