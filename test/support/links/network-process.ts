/**
 * A process in a network namespace of its own, for tests of network hooks: no devices and traffic of others are
 * touched, and everything goes with it. `inNetwork` starts one, which runs a scenario and prints what the test compares.
 *
 * @module
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import type { Collection } from '../../../src/collection/collection.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { deviceIndex } from '../../../src/links/hooks/network/device.ts'
import { flowDissector } from '../../../src/links/hooks/network/flow-dissector.ts'
import { netfilter } from '../../../src/links/hooks/network/netfilter.ts'
import { skLookup } from '../../../src/links/hooks/network/sk-lookup.ts'
import { tcx } from '../../../src/links/hooks/network/tcx.ts'
import { xdp } from '../../../src/links/hooks/network/xdp.ts'
import type { Link } from '../../../src/links/link.ts'
import { Program } from '../../../src/programs/program.ts'
import { bpftoolLink } from '../bpftool.ts'
import { loadObject } from '../objects.ts'
import { eventually } from '../poll.ts'

const self = fileURLToPath(import.meta.url)
const UP = 'ip link set lo up && exec "$0" "$@"'

/** Network namespaces, and `ip` to start their loopback device. */
export const networkNamespaces: Feature = defineFeature('A network namespace', undefined, () =>
  spawnSync('unshare', ['-n', 'sh', '-c', UP, 'true']).status === 0 ? 'yes' : 'no',
)

/** Pairs of devices, each the other end of the other; a module, which small kernels lack. */
export const vethDevices: Feature = defineFeature('Devices of type veth', undefined, () =>
  spawnSync('unshare', ['-n', 'ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1']).status === 0
    ? 'yes'
    : 'no',
)

/** Runs a scenario; its facts by name. */
export function inNetwork(name: string): Record<string, unknown> {
  const { stdout, stderr, status } = spawnSync(
    'unshare',
    ['-n', 'sh', '-c', UP, process.execPath, self, name],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`Scenario ${JSON.stringify(name)} failed: ${stderr}`)
  return JSON.parse(stdout) as Record<string, unknown>
}

/** Places of the programs of `sections` in `hits`. */
const HITS: Readonly<Record<string, number>> = {
  on_xdp: 12,
  on_tc: 13,
  on_tcx_ingress: 14,
  on_tcx_egress: 15,
  on_sk_lookup: 19,
  on_netfilter: 20,
}

/** Loads programs of `sections`, all at once. */
function load(...names: string[]): { collection: Collection; programs: Program[] } {
  const collection = loadObject('sections', names)
  return { collection, programs: names.map(name => collection.programs.get(name)) }
}

/** Sends packets over the loopback device until a program has seen one. */
async function isHit(collection: Collection, name: string): Promise<boolean> {
  const hits = collection.variables.get('hits')
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  const hit = await eventually(() => {
    socket.send('x', port, '127.0.0.1')
    return (hits.get() as bigint[])[HITS[name]!]! > 0n
  })
  socket.close()
  return hit
}

/** Code and message of the error that something throws; `undefined` when it does not. */
function errorOf(use: () => unknown): string | undefined {
  try {
    use()
    return undefined
  } catch (error) {
    if (error instanceof BpfError) return `${error.code}: ${error.message}`
    return String(error)
  }
}

/** Facts of a link, from us and from bpftool, without the ids, which are compared here. */
function facts(link: Link, program: Program): Record<string, unknown> {
  const { id, programId, ...info } = link.info()
  const shown = bpftoolLink(id)
  return {
    info,
    shown,
    idsAgree: shown.prog_id === programId && programId === program.info().id,
  }
}

const scenarios: Record<string, () => Promise<Record<string, unknown>> | Record<string, unknown>> = {
  async xdp() {
    const { collection, programs } = load('on_xdp')
    const [program] = programs
    const link = xdp(program!, 'lo', { mode: 'generic' })
    const result = {
      ...facts(link, program!),
      hit: await isHit(collection, 'on_xdp'),
      busy: errorOf(() => xdp(program!, 'lo', { mode: 'generic' })),
    }
    link.detach()
    return { ...result, afterDetach: link.info(), again: errorOf(() => xdp(program!, 'lo').close()) }
  },

  'xdp refusals'() {
    const [program] = load('on_xdp').programs
    using filter = Program.load({ name: 'f', type: 'socket_filter', instructions: [mov(r0, 0), exit()] })
    using link = xdp(program!, 'lo', { mode: 'generic' })
    return {
      twice: errorOf(() => xdp(program!, 'lo', { mode: 'generic' })),
      mode: errorOf(() => xdp(program!, 'lo', { mode: 'driver' })),
      update: errorOf(() => link.update(filter)),
      typo: errorOf(() => xdp(program!, 'l0')),
    }
  },

  'xdp large packets'() {
    const [program] = load('on_xdp').programs
    for (const args of ['link add v0 type veth peer name v1', 'link set v0 mtu 9000', 'link set v1 mtu 9000'])
      execFileSync('ip', args.split(' '))
    return { large: errorOf(() => xdp(program!, 'v0', { mode: 'driver' })) }
  },

  update() {
    const { programs } = load('on_xdp')
    const other = load('on_xdp').programs[0]!
    const [program] = programs
    const link = xdp(program!, 'lo', { mode: 'generic' })
    const current = (): number => link.info().programId
    const wrong = errorOf(() => link.update(other, { expected: other }))
    const kept = current() === program!.info().id
    link.update(other, { expected: program! })
    const replaced = current() === other.info().id
    link.update(program!)
    return { wrong, kept, replaced, back: current() === program!.info().id }
  },

  devices() {
    return {
      lo: deviceIndex('lo', 'p') > 0,
      number: deviceIndex(deviceIndex('lo', 'p'), 'p') === deviceIndex('lo', 'p'),
      numbers: [0, 1.5, 2 ** 31, 2 ** 31 - 1].map(index => errorOf(() => deviceIndex(index, 'p'))),
      // Devices of the namespace that sysfs shows do not count.
      others: ['no_such', '', 'a/b', 'a_name_of_16_byt'].map(name => errorOf(() => deviceIndex(name, 'p'))),
      attach: errorOf(() => xdp(load('on_xdp').programs[0]!, 0x7fff_fff0)),
    }
  },

  async 'attach by section'() {
    const { collection } = load('on_xdp')
    using attached = collection.attach({ device: 'lo' })
    const [first] = attached.programs
    return {
      target: first?.target,
      type: first?.link.info().type,
      hit: await isHit(collection, 'on_xdp'),
      unknown: errorOf(() => collection.attach({ device: 'no_such' })),
    }
  },

  async 'attach tcx by section'() {
    const { collection } = load('on_tcx_ingress', 'on_tcx_egress')
    using attached = collection.attach({ device: 1 })
    return {
      targets: attached.programs.map(({ target }) => target),
      attachTypes: attached.programs.map(({ link }) => {
        const info = link.info()
        return info.type === 'tcx' ? info.attachType : undefined
      }),
      hit: await isHit(collection, 'on_tcx_egress'),
    }
  },

  async tcx() {
    const { collection, programs } = load('on_tcx_ingress')
    const link = tcx(programs[0]!, 'lo', 'ingress')
    return { ...facts(link, programs[0]!), hit: await isHit(collection, 'on_tcx_ingress') }
  },

  'no tcx'() {
    const { programs } = load('on_tc')
    return { error: errorOf(() => tcx(programs[0]!, 'lo', 'ingress')) }
  },

  async 'tcx order'() {
    const { programs, collection } = load('on_tcx_ingress', 'on_tcx_egress', 'on_tc')
    const [a, b, c] = programs
    tcx(a!, 'lo', 'egress')
    const second = tcx(b!, 'lo', 'egress', { anchor: 'first' })
    tcx(c!, 'lo', 'egress', { anchor: { after: { link: second } } })
    const duplicate = errorOf(() => tcx(c!, 'lo', 'egress', { anchor: { before: { program: a! } } }))
    const stale = errorOf(() => tcx(c!, 'lo', 'ingress', { expectedRevision: 99n }))
    // `on_tc` accepts the packet, so that what comes after it is not called.
    const hit = await isHit(collection, 'on_tc')
    const counts = collection.variables.get('hits').get() as bigint[]
    return {
      duplicate,
      stale,
      hit,
      beforeRuns: counts[HITS.on_tcx_egress!]! > 0n,
      afterRuns: counts[HITS.on_tcx_ingress!]! > 0n,
    }
  },

  async netfilter() {
    const { collection, programs } = load('on_netfilter')
    const options = { family: 'ipv4', hook: 'local_out', priority: -5 } as const
    const link = netfilter(programs[0]!, options)
    return {
      ...facts(link, programs[0]!),
      hit: await isHit(collection, 'on_netfilter'),
      busy: errorOf(() => netfilter(programs[0]!, options)),
      update: errorOf(() => link.update(programs[0]!)),
    }
  },

  async skLookup() {
    const { collection, programs } = load('on_sk_lookup')
    const link = skLookup(programs[0]!)
    return {
      ...facts(link, programs[0]!),
      inode: statSync('/proc/self/ns/net').ino,
      hit: await isHit(collection, 'on_sk_lookup'),
      missing: errorOf(() => skLookup(programs[0]!, '/no/such/namespace')),
      wrong: errorOf(() => skLookup(programs[0]!, '/proc/self/ns/mnt')),
    }
  },

  flowDissector() {
    const program = Program.load({
      name: 'dissect',
      type: 'flow_dissector',
      expectedAttachType: 'flow_dissector',
      license: 'GPL',
      instructions: [mov(r0, 0), exit()],
    })
    const link = flowDissector(program)
    const busy = errorOf(() => flowDissector(program))
    const result = { ...facts(link, program), busy }
    link.close()
    return { ...result, again: errorOf(() => flowDissector(program).close()) }
  },
}

if (process.argv[1] === self) {
  const result = await scenarios[process.argv[2] ?? '']!()
  process.stdout.write(JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? `${value}` : value)))
  // Sockets and links go with the process.
  process.exit()
}
