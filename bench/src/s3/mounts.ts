// Rivals that mount a bucket: s3fs and rclone, from Debian's packages, one fresh mount for each run,
// so that nothing is cached.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { MemoryCgroup } from '../memory-cgroup.ts'
import type { S3Object } from './server.ts'

/** A mounted bucket. */
export interface Mount extends AsyncDisposable {
  /** The object as a file. */
  readonly path: string
}

/** A program that mounts buckets. */
export interface Mounter {
  readonly name: string
  readonly program: string
  readonly argsOf: (object: S3Object, place: string, passwords: string) => readonly string[]
  readonly envOf: (object: S3Object) => Readonly<Record<string, string>>
}

/** Those that the benchmark knows. */
export const mounters: readonly Mounter[] = [
  {
    name: 's3fs mount',
    program: 's3fs',
    argsOf: ({ bucket, endpoint }, place, passwords) => [
      ...[bucket, place, '-f', '-o', `passwd_file=${passwords}`],
      ...['-o', `url=${endpoint}`, '-o', 'use_path_request_style'],
      // Most GETs in flight for a reader in order.
      ...['-o', 'parallel_count=16', '-o', 'multipart_size=16'],
    ],
    envOf: () => ({}),
  },
  {
    name: 'rclone mount',
    program: 'rclone',
    argsOf: ({ bucket }, place) => ['mount', `bench:${bucket}`, place, '--read-only', '-q'],
    envOf: ({ endpoint, env }) => ({
      RCLONE_CONFIG: '/dev/null',
      RCLONE_CONFIG_BENCH_TYPE: 's3',
      RCLONE_CONFIG_BENCH_PROVIDER: 'Ceph',
      RCLONE_CONFIG_BENCH_ENDPOINT: endpoint,
      RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: env.AWS_ACCESS_KEY_ID ?? '',
      RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: env.AWS_SECRET_ACCESS_KEY ?? '',
    }),
  },
]

const mountTimeoutMs = 20_000

/** Tries it; resolves to why it does not work, or to undefined where it does. */
export async function whyNotMounted(
  mounter: Mounter,
  object: S3Object,
): Promise<string | undefined> {
  const { program } = mounter
  if (!existsSync('/dev/fuse')) return '/dev/fuse is missing'
  const missing = [program, 'fusermount3'].filter((name) => !isOnPath(name))
  if (missing.length > 0) return `${missing.join(' and ')} cannot be found`
  try {
    await using mounted = await mount(mounter, object)
    statSync(mounted.path)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * Mounts the object's bucket, by a process in `cgroup`, which is removed with the mount; rejects with
 * what the program said.
 */
export async function mount(
  mounter: Mounter,
  object: S3Object,
  cgroup?: MemoryCgroup,
): Promise<Mount> {
  const directory = mkdtempSync(join(tmpdir(), 'umap-bench-mount-'))
  const place = join(directory, 'bucket')
  mkdirSync(place)
  const passwords = join(directory, 'passwords')
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = object.env
  writeFileSync(passwords, `${id}:${secret}\n`, { mode: 0o600 })
  const enter = cgroup === undefined ? '' : `echo 0 > ${cgroup.procs} && `
  const args = mounter.argsOf(object, place, passwords)
  const child = spawn('sh', ['-c', `${enter}exec "$0" "$@"`, mounter.program, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: environmentOf(mounter, object, directory),
  })
  let said = ''
  child.stderr?.on('data', (data) => {
    said += data
  })
  const end = async (): Promise<void> => {
    await unmount(child, place)
    rmSync(directory, { recursive: true, force: true })
    cgroup?.remove()
  }
  try {
    await waitForMount(child, place)
  } catch (error) {
    await end()
    throw new Error(`${error instanceof Error ? error.message : error}: ${said.trim()}`)
  }
  return { path: join(place, object.key), [Symbol.asyncDispose]: end }
}

function environmentOf(mounter: Mounter, object: S3Object, directory: string) {
  // The server is on loopback, without TLS: rclone must not look for this machine's authorities.
  const { AWS_CA_BUNDLE: _, ...environment } = process.env
  return { ...environment, ...mounter.envOf(object), TMPDIR: directory }
}

async function waitForMount(child: ChildProcess, place: string): Promise<void> {
  const outside = statSync(join(place, '..')).dev
  const giveUpMs = performance.now() + mountTimeoutMs
  while (statSync(place).dev === outside) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`)
    if (performance.now() > giveUpMs) throw new Error('does not mount')
    await setTimeout(20)
  }
}

async function unmount(child: ChildProcess, place: string): Promise<void> {
  spawnSync('fusermount3', ['-u', '-z', place])
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

function isOnPath(program: string): boolean {
  const directories = (process.env.PATH ?? '').split(delimiter)
  return directories.some((directory) => existsSync(join(directory, program)))
}
