/** BPF tokens: what they delegate to a process in a user namespace, and what is said when it is not enough. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { NotSupportedError } from '../../../src/base/errors.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { isAtLeast } from '../../../src/kernel/version.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { Token } from '../../../src/objects/token.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { type Facts, runScenarios, type ScenarioName } from '../../support/objects/token-process.ts'
import { userNamespaces } from '../../support/objects/user-namespace.ts'
import { lacking } from '../../support/programs/features.ts'

const array: MapSpec = { name: 'a', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 }

/** A BPF file system of the initial user namespace. */
let mount: string | undefined
test.after.always(() => {
  if (mount === undefined) return
  spawnSync('umount', [mount])
  rmdirSync(mount)
})

function mounted(): string {
  if (mount === undefined) {
    mount = mkdtempSync(join(tmpdir(), 'ebpf-ts-token-'))
    spawnSync('mount', ['-t', 'bpf', 'bpf', mount])
  }
  return mount
}

let all: ReturnType<typeof runScenarios> | undefined

/** The facts of a scenario. One process runs all of them. */
async function factsOf(name: ScenarioName): Promise<Facts> {
  all ??= runScenarios(mounted())
  const facts = (await all)[name]
  if ('failed' in facts) throw new Error(String(facts.failed))
  return facts
}

const needs = [features.token, userNamespaces]
/** What the kernel says. */
const REFUSED = 'Operation not permitted (EPERM)'
/** What is said without a token. */
const NO_TOKEN = `${REFUSED}: this process is in a user namespace, whose capabilities do not reach BPF`
const NOTHING =
  'its mount delegates nothing (mount options delegate_cmds, delegate_maps, delegate_progs, delegate_attachs) (ENOENT)'
const of = (path: string): string => `Cannot create a BPF token of ${path}: `

kernelTest('a file system that gives no token is refused with the reason', needs, async t => {
  const facts = await factsOf('refusals')
  t.like(facts, {
    inherited: `EPERM: ${of(mounted())}the BPF file system is of another user namespace than this process, or a security module refuses (EPERM)`,
    detached: `ENOENT: ${of('BPFFS')}${NOTHING}`,
    directory: `EINVAL: ${of('/sys/fs/bpf/directory')}/sys/fs/bpf/directory is not the root of a BPF file system (EINVAL)`,
    file: `ERR_NOT_BPFFS: ${of('/proc')}/proc is not on a BPF file system (mount one with: mount -t bpf bpf /sys/fs/bpf)`,
    missing: `ENOENT: ${of('/nowhere')}No such file or directory (ENOENT)`,
  })
})

kernelTest('without a token, what is created is refused with the reason for that', needs, async t => {
  const facts = await factsOf('refusals')
  t.like(facts, {
    automatic: true,
    map: `EPERM: Cannot create map h: ${NO_TOKEN}; it has no BPF token: ${NOTHING}`,
    xdp: `EPERM: Cannot load program x: ${NO_TOKEN}; it has no BPF token: ${NOTHING}`,
  })
  t.true(String(facts.btf).endsWith(`${NO_TOKEN}; it has no BPF token: ${NOTHING}`), String(facts.btf))
})

kernelTest('a token creates what is delegated, and says what is not', needs, async t => {
  const { btf, ...facts } = await factsOf('some')
  const token = `${REFUSED}: the BPF token of BPFFS does not delegate`
  t.deepEqual(facts, {
    info: {
      commands: ['map_create', 'prog_load'],
      mapTypes: ['hash', 'stack'],
      programTypes: ['kprobe', 'xdp'],
      attachTypes: ['xdp'],
    },
    hash: 'done',
    array: `EPERM: Cannot create map a: ${token} map type array (delegate_maps=hash:stack)`,
    xdp: 'done',
    kprobe: `EPERM: Cannot load program k: ${token} attach type cgroup_inet_ingress, which the kernel takes for a program that names none (delegate_attachs=xdp)`,
    socketFilter: `EPERM: Cannot load program s: ${token} program type socket_filter (delegate_progs=kprobe:xdp)`,
  })
  const command = `${token} the command btf_load (delegate_cmds=map_create:prog_load)`
  t.true(String(btf).endsWith(command), String(btf))
})

kernelTest('a token that delegates nothing of a kind says so', needs, async t => {
  const facts = await factsOf('none')
  t.deepEqual(facts.info, { commands: 'any', mapTypes: [], programTypes: [], attachTypes: 'any' })
  t.is(facts.btf, 'done')
  t.regex(String(facts.hash), /does not delegate map type hash \(no delegate_maps\)$/)
  t.regex(String(facts.xdp), /does not delegate program type xdp \(no delegate_progs\)$/)
})

kernelTest('a token is taken over by its descriptor', needs, async t => {
  t.deepEqual(await factsOf('descriptor'), {
    path: 'unknown',
    info: ['hash'],
    hash: 'done',
    array: `EPERM: Cannot create map a: ${REFUSED}: the BPF token of descriptor FD does not delegate map type array (delegate_maps=hash)`,
  })
})

kernelTest('a token does not replace the capabilities in the namespace', needs, async t => {
  const facts = await factsOf('incapable')
  t.like(facts, {
    hash: 'done',
    btf: 'done',
    xdp: `EPERM: Cannot load program x: ${REFUSED}: this process lacks CAP_NET_ADMIN in its user namespace, which a BPF token does not replace`,
  })
  t.is(
    (await factsOf('powerless')).token,
    `EPERM: ${of('BPFFS')}this process lacks CAP_BPF in its user namespace (EPERM)`,
  )
})

kernelTest('what a token created is used without it', needs, async t => {
  const facts = await factsOf('use')
  t.deepEqual(facts, {
    closed: true,
    afterwards: 'ERR_CLOSED: BPF token of BPFFS is closed',
    value: 2,
    flags: 0,
    run: 2,
    names: ['x', 'xdp'],
    frozen: 'EPERM: Cannot set in map a: it is frozen, or its descriptor is not for writing (EPERM)',
  })
})

kernelTest('a map that needs types which a token does not delegate says so', needs, async t => {
  const { stored, loaded } = await factsOf('withoutTypes')
  t.regex(
    String(stored),
    /^EINVAL: Cannot create map local: a map of type sk_storage needs BTF of its key and value \(EINVAL\): the kernel does not have the object's types: Cannot load BTF of \d+ bytes: .* does not delegate the command btf_load /,
  )
  t.is(loaded, 'done')
})

kernelTest('answers of probes are kept for each token', needs, async t => {
  const answers = await factsOf('probes')
  for (const [what, each] of Object.entries(answers)) t.deepEqual(each, ['unknown', 'yes', 'unknown'], what)
  t.is(Object.keys(answers).length, 6)
  t.deepEqual(await factsOf('fewerProbes'), { hash: 'yes', array: 'unknown', xdp: 'unknown' })
})

kernelTest('BTF is opened by id with a token', needs, async t => {
  const facts = await factsOf('btfById')
  t.regex(String(facts.without), /^EPERM: Cannot open BTF object \d+: .*user namespace/)
  if (isAtLeast('6.15')) t.is(facts.withToken, 'done')
  else t.regex(String(facts.withToken), /^(done|EPERM: )/)
})

kernelTest('LIBBPF_BPF_TOKEN_PATH names the file system, or forbids tokens', needs, async t => {
  const { empty, wrong, named } = (await factsOf('variable')) as Record<string, Record<string, string>>
  const forbidden = `${NO_TOKEN}; it has no BPF token: LIBBPF_BPF_TOKEN_PATH is empty`
  t.like(empty, { map: `EPERM: Cannot create map h: ${forbidden}`, probe: 'unknown', token: 'done' })
  t.true(empty!.collection!.endsWith(forbidden), empty!.collection)

  const reason = `ENOENT: ${of('/nowhere')}No such file or directory (ENOENT)`
  t.deepEqual(wrong, { map: reason, collection: reason, probe: 'unknown', token: reason })
  t.deepEqual(named, { map: 'done', collection: 'done', probe: 'yes', token: 'done' })
})

kernelTest('the token of /sys/fs/bpf is used without being given', needs, async t => {
  const facts = await factsOf('automatic')
  t.like(facts, {
    hash: 'done',
    refused: `EPERM: Cannot create map h: ${NO_TOKEN}`,
    hasTypes: true,
    path: '/sys/fs/bpf',
    info: { commands: 'any', mapTypes: 'any', programTypes: 'any', attachTypes: 'any' },
    own: true,
  })
  t.true((facts.programs as number) > 0 && (facts.maps as number) > 0)
})

kernelTest(
  'in the initial user namespace capabilities count, and tokens do not exist',
  [features.token],
  t => {
    t.is(Token.automatic(), undefined)
    t.throws(() => Token.create(mounted()), {
      code: 'EOPNOTSUPP',
      message: `${of(mounted())}this process is in the initial user namespace, where capabilities take the place of tokens (EOPNOTSUPP)`,
    })
  },
)

kernelTest('a kernel without tokens says so', [lacking(features.token)], t => {
  t.is(Token.automatic(), undefined)
  t.throws(() => Token.create(mounted()), {
    instanceOf: NotSupportedError,
    message: /^Cannot create a BPF token of .*Linux 6\.9/,
  })
})

kernelTest('a descriptor that is not a token is refused', [], t => {
  using map = BpfMap.create(array)
  const fd = openSync('/dev/null', 'r')
  t.throws(() => Token.fromFd(fd), {
    code: 'ERR_NOT_A_TOKEN',
    message: `Descriptor ${fd} is /dev/null, not a BPF token`,
  })
  const copy = map.clone()
  t.throws(() => Token.fromFd(copy.fd), {
    code: 'ERR_NOT_A_TOKEN',
    message: `Descriptor ${copy.fd} is a map, not a BPF token`,
  })
  t.throws(() => Token.fromFd(9999), { code: 'EBADF' })
  t.throws(() => Token.fromFd(2 ** 32), { instanceOf: RangeError })
  const wrong = { token: map } as unknown as { token: false }
  t.throws(() => BpfMap.create(array, wrong), {
    instanceOf: TypeError,
    message: 'The option token takes a Token, or false for none',
  })
})
