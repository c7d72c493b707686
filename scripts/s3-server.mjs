// Brings the S3 server that tests run against, radosgw, where that takes nobody's consent: as root
// on Debian or Ubuntu. Elsewhere it says what is left out; the tests say so again at their end.
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run } from './child.mjs'

const packages = ['ceph-mon', 'ceph-osd', 'radosgw']
const programs = [...packages, 'ceph', 'radosgw-admin']

/** Installs what is missing; resolves to 0 always, for most tests need no S3 server. */
export async function installS3Server() {
  if (process.env.UMAP_TEST_S3_ENDPOINT !== undefined) {
    console.log(`tests use the S3 server at UMAP_TEST_S3_ENDPOINT`)
    return 0
  }
  if (programs.every(isOnPath)) {
    return 0
  }
  if (process.getuid?.() !== 0 || !isDebian() || !isOnPath('apt-get')) {
    warn('it is installed only by root on Debian or Ubuntu')
    return 0
  }
  console.log(`installing ${packages.join(', ')} (apt-get)`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = ['install', '-qq', '-y', '--no-install-recommends', ...packages]
  const quiet = /** @type {const} */ (['ignore', 'ignore', 'inherit'])
  const code =
    (await run('apt-get', ['update', '-qq'], { env, stdio: [...quiet] })) ||
    (await run('apt-get', install, { env, stdio: [...quiet] }))
  if (code !== 0) warn(`apt-get ended with ${code}`)
  return 0
}

/** @param {string} why */
function warn(why) {
  console.warn(`umap: no S3 server, so the tests on a real one will NOT run: ${why}.`)
  console.warn(`umap: install ${packages.join(', ')}, or set UMAP_TEST_S3_ENDPOINT.`)
}

function isDebian() {
  const file = '/etc/os-release'
  return existsSync(file) && /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync(file, 'utf8'))
}

/** @param {string} program */
function isOnPath(program) {
  const directories = (process.env.PATH ?? '').split(delimiter)
  return directories.some((directory) => existsSync(join(directory, program)))
}
