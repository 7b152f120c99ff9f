/** BPF tokens: what they delegate to a process in a user namespace, and what is said when it is not enough. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN } from '../../../src/abi/linux.ts'
import { NotSupportedError } from '../../../src/base/errors.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { isAtLeast } from '../../../src/kernel/version.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Token } from '../../../src/objects/token.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { inUserNamespace, userNamespaces } from '../../support/objects/user-namespace.ts'
import { lacking } from '../../support/programs/features.ts'

const needs = [features.token, userNamespaces]
const object = fileURLToPath(new URL('../../../../test/bpf/data.bpf.o', import.meta.url))
const everything = {
  delegate_cmds: 'any',
  delegate_maps: 'any',
  delegate_progs: 'any',
  delegate_attachs: 'any',
}
/** What is said without a token. */
const NO_TOKEN =
  'Operation not permitted (EPERM): this process is in a user namespace, whose capabilities do not reach BPF'

kernelTest('a token creates what is delegated, and says what is not', needs, async t => {
  const facts = await inUserNamespace('explicit', {
    delegate: {
      delegate_cmds: 'map_create:prog_load',
      delegate_maps: 'hash:stack',
      delegate_progs: 'xdp:kprobe',
      delegate_attachs: 'xdp',
    },
  })
  const token = 'Operation not permitted (EPERM): the BPF token of /proc/self/fd/3 does not delegate'
  const { automatic, withoutToken, btfWithoutToken, xdpWithoutToken, ...withToken } = facts
  t.deepEqual(withToken, {
    info: {
      commands: ['map_create', 'prog_load'],
      mapTypes: ['hash', 'stack'],
      programTypes: ['kprobe', 'xdp'],
      attachTypes: ['xdp'],
    },
    hash: 'done',
    array: `EPERM: Cannot create map a: ${token} map type array (delegate_maps=hash:stack)`,
    btf: `EPERM: Cannot load BTF of 43 bytes: ${token} the command btf_load (delegate_cmds=map_create:prog_load)`,
    xdp: 'done',
    kprobe: `EPERM: Cannot load program k: ${token} attach type cgroup_inet_ingress, which the kernel takes for a program that names none (delegate_attachs=xdp)`,
    socketFilter: `EPERM: Cannot load program s: ${token} program type socket_filter (delegate_progs=kprobe:xdp)`,
  })
  t.true(String(withoutToken).startsWith(`EPERM: Cannot create map h: ${NO_TOKEN}`), String(withoutToken))
  t.true(
    String(xdpWithoutToken).startsWith(`EPERM: Cannot load program x: ${NO_TOKEN}`),
    String(xdpWithoutToken),
  )
  t.true(String(btfWithoutToken).startsWith(`EPERM: Cannot load BTF of 43 bytes: ${NO_TOKEN}`))
  t.regex(String(automatic), /; it has no BPF token: /)
})

kernelTest('a token that delegates nothing of a kind says so', needs, async t => {
  const facts = await inUserNamespace('explicit', {
    delegate: { delegate_cmds: 'any', delegate_attachs: 'any' },
  })
  t.deepEqual(facts.info, { commands: 'any', mapTypes: [], programTypes: [], attachTypes: 'any' })
  t.is(facts.btf, 'done')
  t.regex(String(facts.hash), /does not delegate map type hash \(no delegate_maps\)$/)
  t.regex(String(facts.xdp), /does not delegate program type xdp \(no delegate_progs\)$/)
})

kernelTest('what a token created is used without it', needs, async t => {
  const facts = await inUserNamespace('use', { delegate: everything })
  t.like(facts, { closed: true, value: 2, flags: 0, run: 2, names: ['x', 'xdp'] })
  t.regex(String(facts.afterwards), /^ERR_CLOSED: BPF token of \/proc\/self\/fd\/3 is closed$/)
  t.regex(
    String(facts.frozen),
    /^EPERM: Cannot set in map a: it is frozen, or its descriptor is not for writing/,
  )
})

kernelTest('the token of /sys/fs/bpf is used without being given', needs, async t => {
  const facts = await inUserNamespace('automatic', { delegate: everything, env: { TOKEN_OBJECT: object } })
  t.like(facts, {
    hash: 'done',
    hasTypes: true,
    path: '/sys/fs/bpf',
    info: { commands: 'any', mapTypes: 'any', programTypes: 'any', attachTypes: 'any' },
    twice: true,
  })
  t.true((facts.programs as number) > 0 && (facts.maps as number) > 0)
  t.regex(String(facts.before), /whose capabilities do not reach BPF; it has no BPF token: /)
  t.true(String(facts.refused).endsWith(NO_TOKEN), String(facts.refused))
})

kernelTest('a map that needs types which a token does not delegate says so', needs, async t => {
  const delegate = { ...everything, delegate_cmds: 'map_create:prog_load' }
  const { stored, loaded } = await inUserNamespace('withoutTypes', {
    delegate,
    env: { TOKEN_OBJECT: object },
  })
  t.regex(
    String(stored),
    /^EINVAL: Cannot create map local: a map of type sk_storage needs BTF of its key and value \(EINVAL\): the kernel does not have the object's types: Cannot load BTF of \d+ bytes: .* does not delegate the command btf_load /,
  )
  t.is(loaded, 'done')
})

kernelTest('LIBBPF_BPF_TOKEN_PATH names the file system, or forbids tokens', needs, async t => {
  const run = (path: string): Promise<Record<string, unknown>> =>
    inUserNamespace('variable', {
      delegate: everything,
      env: { LIBBPF_BPF_TOKEN_PATH: path, TOKEN_OBJECT: object },
    })
  const named = await run('/sys/fs/bpf')
  t.like(named, { map: 'done', collection: 'done', probe: 'yes', path: 'done' })

  const forbidden = await run('')
  t.true(String(forbidden.map).endsWith(`${NO_TOKEN}; it has no BPF token: LIBBPF_BPF_TOKEN_PATH is empty`))
  t.regex(String(forbidden.collection), /^EPERM: /)
  t.like(forbidden, { probe: 'unknown', path: 'done' })

  const wrong = await run('/nowhere')
  const reason = 'Cannot create a BPF token of /nowhere: No such file or directory (ENOENT)'
  t.like(wrong, {
    map: `ENOENT: ${reason}`,
    collection: `ENOENT: ${reason}`,
    probe: 'unknown',
    path: `ENOENT: ${reason}`,
  })
})

kernelTest('answers of probes are kept for each token', needs, async t => {
  const all = await inUserNamespace('probes', { delegate: everything })
  t.deepEqual(all.maps, ['unknown', 'yes', 'unknown'])
  for (const what of ['storage', 'nested', 'programs', 'helpers', 'btf'])
    t.deepEqual(all[what], ['unknown', 'yes'], what)

  const few = await inUserNamespace('fewerProbes', {
    delegate: { delegate_cmds: '0x21', delegate_maps: '0x2' },
  })
  t.deepEqual(few, { hash: 'yes', array: 'unknown', xdp: 'unknown' })
})

kernelTest('a token does not replace the capabilities in the namespace', [...needs, setpriv()], async t => {
  const facts = await inUserNamespace('explicit', {
    delegate: everything,
    without: [CAP_NET_ADMIN, CAP_SYS_ADMIN],
  })
  t.like(facts, { hash: 'done', btf: 'done' })
  t.is(
    facts.xdp,
    'EPERM: Cannot load program x: Operation not permitted (EPERM): this process lacks CAP_NET_ADMIN in its user namespace, which a BPF token does not replace',
  )
})

kernelTest('BTF is opened by id with a token', needs, async t => {
  const facts = await inUserNamespace('btfById', { delegate: everything })
  t.regex(String(facts.without), /^EPERM: Cannot open BTF object \d+: .*user namespace/)
  if (isAtLeast('6.15')) t.is(facts.withToken, 'done')
  else t.regex(String(facts.withToken), /^(done|EPERM: )/)
})

kernelTest('a file system that gives no token is refused with the reason', needs, async t => {
  const mount = mkdtempSync(join(tmpdir(), 'ebpf-ts-token-'))
  spawnSync('mount', ['-t', 'bpf', 'bpf', mount])
  t.teardown(() => {
    spawnSync('umount', [mount])
    rmdirSync(mount)
  })
  const facts = await inUserNamespace('refusals', { env: { TOKEN_INHERITED: mount } })
  const of = (path: string): string => `Cannot create a BPF token of ${path}: `
  t.deepEqual(facts, {
    inherited: `EPERM: ${of(mount)}the BPF file system is of another user namespace than this process, or a security module refuses (EPERM)`,
    detached: `ENOENT: ${of('/proc/self/fd/3')}its mount delegates nothing (mount options delegate_cmds, delegate_maps, delegate_progs, delegate_attachs) (ENOENT)`,
    directory: `EINVAL: ${of('/sys/fs/bpf/directory')}/sys/fs/bpf/directory is not the root of a BPF file system (EINVAL)`,
    file: `ERR_NOT_BPFFS: ${of('/proc')}/proc is not on a BPF file system (mount one with: mount -t bpf bpf /sys/fs/bpf)`,
    missing: `ENOENT: ${of('/nowhere')}No such file or directory (ENOENT)`,
    automatic: true,
  })
  const weak = await inUserNamespace('explicit', {
    delegate: everything,
    without: [CAP_BPF, CAP_SYS_ADMIN],
  }).catch((error: Error) => error.message)
  t.regex(String(weak), /this process lacks CAP_BPF in its user namespace/)
})

kernelTest('in the initial user namespace there are capabilities, and no tokens', [features.token], t => {
  const mount = mkdtempSync(join(tmpdir(), 'ebpf-ts-token-'))
  spawnSync('mount', ['-t', 'bpf', 'bpf', mount])
  t.teardown(() => {
    spawnSync('umount', [mount])
    rmdirSync(mount)
  })
  t.is(Token.automatic(), undefined)
  t.throws(() => Token.create(mount), {
    code: 'EOPNOTSUPP',
    message: `Cannot create a BPF token of ${mount}: this process is in the initial user namespace, where capabilities take the place of tokens (EOPNOTSUPP)`,
  })
})

kernelTest('a kernel without tokens says so', [lacking(features.token), 'bpffs'], t => {
  t.is(Token.automatic(), undefined)
  t.throws(() => Token.create('/sys/fs/bpf'), {
    instanceOf: NotSupportedError,
    message: /^Cannot create a BPF token of \/sys\/fs\/bpf: .*Linux 6\.9/,
  })
})

kernelTest('a descriptor that is not a token is refused', [], t => {
  using map = BpfMap.create({ name: 'm', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 })
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
  t.throws(
    () => BpfMap.create({ name: 'n', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 }, wrong),
    {
      instanceOf: TypeError,
      message: 'The option token takes a Token, or false for none',
    },
  )
})

/** `setpriv`, which knows capabilities by number. */
function setpriv(): Feature {
  return defineFeature('setpriv', undefined, () =>
    spawnSync('setpriv', ['--bounding-set', '-cap_39', 'true']).status === 0 ? 'yes' : 'no',
  )
}
