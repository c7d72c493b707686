// A whole S3 server out of Debian's packages: one Ceph monitor, one OSD that keeps its objects in
// memory, and radosgw in front of them, all on loopback. Runs in the guardian process only, which
// outlives nobody: every daemon stays in the foreground and dies with it.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { delimiter, join } from 'node:path'

/** What must be on the PATH; Debian's packages radosgw, ceph-mon and ceph-osd bring all of it. */
const programs = ['ceph', 'ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'setpriv']

/** Programs that are not on the PATH. */
export function missingPrograms() {
  const directories = (process.env.PATH ?? '').split(delimiter)
  return programs.filter((name) => !directories.some((path) => existsSync(join(path, name))))
}

const user = 'umap-tests'
const bootTimeoutMs = 90_000

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/** A cluster that was booted, and the gateways that were started before it. */
export class CephCluster {
  /** @type {Set<ChildProcess>} */
  #daemons = new Set()
  /** @type {Map<number, ChildProcess>} */
  #gateways = new Map()
  #directory
  #monitorPorts = [0, 0]
  #ended = false
  accessKeyId = randomBytes(10).toString('hex')
  secretAccessKey = randomBytes(20).toString('hex')

  /** @param {string} directory an empty one, which holds everything that the daemons write */
  constructor(directory) {
    this.#directory = directory
  }

  /** Boots monitor, OSD and the user; rejects with what the daemon that failed said. */
  async boot() {
    for (const name of ['mon', 'osd', 'rgw']) mkdirSync(join(this.#directory, name))
    this.#monitorPorts = [await freePort(), await freePort()]
    const fsid = randomUUID()
    writeFileSync(join(this.#directory, 'ceph.conf'), this.#configuration(fsid))
    this.#makeKeys()
    const address = `[v2:127.0.0.1:${this.#monitorPorts[0]},v1:127.0.0.1:${this.#monitorPorts[1]}]`
    this.#run('monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', address, 'monmap'])
    this.#run('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', 'monmap', '--keyring', 'keyring'])
    const monitor = this.#start('ceph-mon', ['-f', '-i', 'a'])
    await waitForPort(this.#monitorPorts[0] ?? 0, monitor)
    this.#run('ceph', ['osd', 'create'])
    this.#run('ceph-osd', ['-i', '0', '--mkfs'])
    this.#start('ceph-osd', ['-f', '-i', '0'])
    const keys = [`--access-key=${this.accessKeyId}`, `--secret=${this.secretAccessKey}`]
    this.#run('radosgw-admin', [
      'user',
      'create',
      `--uid=${user}`,
      `--display-name=${user}`,
      ...keys,
    ])
  }

  /**
   * Starts a gateway, on a port that had one before or on a free one; resolves to its port once it
   * answers.
   * @param {number} [port]
   */
  async startGateway(port) {
    const chosen = port ?? (await freePort())
    const frontend = `beast endpoint=127.0.0.1:${chosen} tcp_nodelay=1`
    const name = `--log-file=${join(this.#directory, `gateway-${chosen}.log`)}`
    const args = ['-f', '-n', 'client.admin', `--rgw-frontends=${frontend}`, name]
    const daemon = this.#start('radosgw', args)
    this.#gateways.set(chosen, daemon)
    await waitForPort(chosen, daemon)
    return chosen
  }

  /**
   * Kills a gateway, as a crash would; what it had stored stays.
   * @param {number} port
   */
  async stopGateway(port) {
    const daemon = this.#gateways.get(port)
    if (daemon === undefined) throw new Error(`no gateway on port ${port}`)
    this.#gateways.delete(port)
    await this.#kill(daemon)
  }

  /** Ends every daemon. Nothing in memory is worth a gentle end. */
  async end() {
    this.#ended = true
    await Promise.all([...this.#daemons].map((daemon) => this.#kill(daemon)))
  }

  /** @param {string} fsid */
  #configuration(fsid) {
    const directory = this.#directory
    const [v2, v1] = this.#monitorPorts
    return `[global]
fsid = ${fsid}
mon host = [v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 1000
ms bind msgr2 = true
ms mon client mode = crc secure
ms client mode = crc secure
osd crush location = root=default host=localhost
run dir = ${directory}
admin socket =
log file = ${directory}/$name.log
mon cluster log file = ${directory}/cluster.log
keyring = ${directory}/keyring
[mon]
mon data = ${directory}/mon
mon data avail crit = 1
mon data avail warn = 1
auth allow insecure global id reclaim = false
mon warn on pool no redundancy = false
[osd]
osd objectstore = memstore
osd data = ${directory}/osd
memstore device bytes = 2147483648
osd memory target = 939524096
osd class load list = *
osd class default list = *
[client.admin]
rgw data = ${directory}/rgw
rgw override bucket index max shards = 1
rgw dynamic resharding = false
rgw s3 auth use rados = true
`
  }

  #makeKeys() {
    const everything = [
      '--cap',
      'mon',
      'allow *',
      '--cap',
      'osd',
      'allow *',
      '--cap',
      'mgr',
      'allow *',
    ]
    this.#run('ceph-authtool', [
      '--create-keyring',
      'keyring',
      '--gen-key',
      '-n',
      'mon.',
      '--cap',
      'mon',
      'allow *',
    ])
    this.#run('ceph-authtool', ['keyring', '--gen-key', '-n', 'client.admin', ...everything])
  }

  /**
   * @param {string} program
   * @param {string[]} args
   */
  #run(program, args) {
    const result = spawnSync(program, args, {
      cwd: this.#directory,
      env: this.#environment(),
      encoding: 'utf8',
      timeout: bootTimeoutMs,
    })
    if (result.status !== 0) {
      const why = result.error?.message ?? result.stderr.slice(-2000)
      throw new Error(`${program} ${args[0]} failed: ${why}`)
    }
  }

  /**
   * @param {string} program
   * @param {string[]} args
   */
  #start(program, args) {
    if (this.#ended) throw new Error('the cluster was ended')
    // The kernel ends the daemon when the guardian dies, however that happens (prctl(2)).
    const daemon = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
      cwd: this.#directory,
      env: this.#environment(),
      stdio: 'ignore',
    })
    daemon.on('error', () => {})
    this.#daemons.add(daemon)
    daemon.once('exit', () => this.#daemons.delete(daemon))
    return daemon
  }

  /** @param {ChildProcess} daemon */
  async #kill(daemon) {
    if (daemon.exitCode !== null || daemon.signalCode !== null || daemon.pid === undefined) return
    const exited = new Promise((resolve) => daemon.once('exit', resolve))
    daemon.kill('SIGKILL')
    await exited
  }

  #environment() {
    return { ...process.env, CEPH_CONF: join(this.#directory, 'ceph.conf') }
  }

  /** The last lines of every log, for a boot that failed. */
  logs() {
    return ['mon.a.log', 'osd.0.log', 'client.admin.log']
      .map((name) => join(this.#directory, name))
      .filter((path) => existsSync(path))
      .map((path) => `\n${path}: ${readFileSync(path, 'utf8').slice(-1500)}`)
      .join('')
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/**
 * Waits until somebody accepts connections on a port, or the daemon that should do so is gone.
 * @param {number} port
 * @param {ChildProcess} daemon
 */
async function waitForPort(port, daemon) {
  const deadline = Date.now() + bootTimeoutMs
  while (!(await accepts(port))) {
    if (daemon.exitCode !== null || daemon.signalCode !== null) {
      throw new Error(`${daemon.spawnargs.slice(0, 4).join(' ')} ended before it listened`)
    }
    if (Date.now() > deadline) throw new Error(`nobody listens on port ${port}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
