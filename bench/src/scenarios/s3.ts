// `s3-scan` and `s3-random`: one object on a real S3 server, read cold. Rivals: the SDK alone, and
// programs that mount the bucket.
import type { Bench } from '../bench.ts'
import { type Contender, runRounds } from '../rounds.ts'
import { type Mounter, mount, mounters, whyNotMounted } from '../s3/mounts.ts'
import { makeS3Object, type S3Object } from '../s3/server.ts'
import { type CompareOptions, compare, type Outcome, type Scenario } from '../scenario.ts'

/** Reading an object in order. */
export const s3Scan: Scenario = {
  name: 's3-scan',
  work:
    'From JavaScript: a sequential sum over an object of 256 MiB on radosgw on this machine, 1 MiB ' +
    'pages, through a quarter of it. The SDK alone: 16 ranged GETs of 4 MiB at once.',
  run: (bench) =>
    runS3(bench, 's3-scan', {
      pageBytes: 2 ** 20,
      program: 's3-scan',
      figure: 'megabytesPerSecond',
      unit: 'MB/s',
      sdkName: 'AWS SDK, 16 GETs at once',
      sdkRatioMin: 0.9,
    }),
}

/** Reading an object all over. */
export const s3Random: Scenario = {
  name: 's3-random',
  work:
    'From JavaScript: random reads by one thread of an object of 256 MiB on radosgw on this ' +
    'machine, 64 KiB pages, through a quarter of it. The SDK alone: ranged GETs of 64 KiB, one ' +
    'after the other.',
  run: (bench) =>
    runS3(bench, 's3-random', {
      pageBytes: 65_536,
      program: 's3-random',
      figure: 'touchesPerSecond',
      unit: 'touches/s',
      sdkName: 'AWS SDK, GET for GET',
      sdkRatioMin: 0.9,
    }),
}

interface Work {
  readonly pageBytes: number
  readonly program: string
  readonly figure: string
  readonly unit: string
  readonly sdkName: string
  readonly sdkRatioMin: number
}

const mountRatioMin = 2
// Code and connections of a program that mounts.
const mounterBytes = 96 * 2 ** 20

async function runS3(bench: Bench, scenario: string, work: Work): Promise<Outcome> {
  const { objectBytes } = bench.sizes
  const object = await bench.shared('s3', () => makeS3Object(objectBytes))
  const ours = contender(bench, object, work, 'ours', 'region')
  const sdk = contender(bench, object, work, work.sdkName, 'sdk')
  const mounted: Contender[] = []
  const notes = ['s3fs keeps what it has read in a file on the disk beside its memory, too.']
  for (const mounter of mounters) {
    const why = await whyNotMounted(mounter, object)
    if (why === undefined) mounted.push(mountedContender(bench, object, work, mounter))
    else notes.push(`No ${mounter.name}: ${why}.`)
  }
  const rounds = await runRounds(bench.runs, [ours, sdk, ...mounted])
  const { figure, unit } = work
  const options = (peer: Contender, ratioMin: number): CompareOptions => ({
    case: 'cold',
    figure,
    unit,
    ours,
    peer,
    reach: { ratioMin },
  })
  return {
    comparisons: [
      compare(rounds, scenario, options(sdk, work.sdkRatioMin)),
      ...mounted.map((peer) => compare(rounds, scenario, options(peer, mountRatioMin))),
    ],
    notes,
  }
}

function contender(
  bench: Bench,
  object: S3Object,
  { pageBytes, program }: Work,
  name: string,
  memory: string,
  mountedPath?: string,
): Contender {
  const { objectBytes, objectMs } = bench.sizes
  const { endpoint, bucket, key, env } = object
  return bench.node({
    name,
    program,
    switches: {
      memory,
      endpoint,
      bucket,
      key,
      'file-bytes': objectBytes,
      'buffer-bytes': bufferBytesOf(bench),
      'page-bytes': pageBytes,
      milliseconds: objectMs,
    },
    cache: 'any',
    path: () => mountedPath ?? '',
    limitBytes: mountedPath === undefined ? undefined : bufferBytesOf(bench),
    env,
  })
}

function bufferBytesOf({ sizes }: Bench): number {
  return sizes.objectBytes / 4
}

/** Mounted for each run, with nothing in its caches. */
function mountedContender(bench: Bench, object: S3Object, work: Work, mounter: Mounter): Contender {
  return {
    name: mounter.name,
    run: async () => {
      // What it caches, beside what the kernel caches for the reader.
      const cgroup = bench.makeCgroup(bufferBytesOf(bench) + mounterBytes)
      await using mounted = await mount(mounter, object, cgroup)
      return await contender(bench, object, work, mounter.name, 'mount', mounted.path).run()
    },
  }
}
