import test from 'ava'
import { mapTypes, programTypes } from '../../../src/abi/generated/enums.ts'
import { lackedCapabilities } from '../../../src/kernel/capabilities.ts'
import { neededCapabilities } from '../../../src/kernel/needed-capabilities.ts'
import {
  type Asked,
  explainPermission,
  explainPrivileges,
  explainRefusal,
} from '../../../src/kernel/permission.ts'

const status = (capEff: string, seccomp = 0): string =>
  `Name:\tnode\nCapEff:\t${capEff}\nSeccomp:\t${seccomp}\n`
const ALL = status('000001ffffffffff')
const NONE = status('0000000000000000')
/** CAP_BPF and CAP_NET_ADMIN. */
const SOME = status('0000008000001000')

test('capabilities that a process lacks', t => {
  t.deepEqual(lackedCapabilities(ALL), [])
  t.deepEqual(lackedCapabilities(NONE), ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'])
  t.deepEqual(lackedCapabilities(SOME), ['CAP_PERFMON'])
  // CAP_SYS_ADMIN alone stands for all.
  t.deepEqual(lackedCapabilities(status('0000000000200000')), [])
  t.deepEqual(lackedCapabilities(''), ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'])
})

test('privileges that do not reach BPF', t => {
  t.is(explainPrivileges({ status: ALL }), undefined)
  t.is(
    explainPrivileges({ status: SOME }),
    'this process lacks CAP_PERFMON (CAP_SYS_ADMIN would do too); run as root',
  )
  t.is(
    explainPrivileges({ status: NONE, unprivilegedBpfDisabled: '2\n' }),
    'this process lacks CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN (CAP_SYS_ADMIN would do too), and unprivileged BPF is disabled; run as root',
  )
})

test('a user namespace, and why it has no token', t => {
  const inNamespace = 'this process is in a user namespace, whose capabilities do not reach BPF'
  for (const capabilities of [ALL, NONE])
    t.is(explainPrivileges({ status: capabilities, inUserNamespace: true }), inNamespace)
  t.is(
    explainPrivileges({ status: ALL, inUserNamespace: true, noToken: 'its mount delegates nothing' }),
    `${inNamespace}; it has no BPF token: its mount delegates nothing`,
  )
})

/** A call that asks for a capability that `ALL` has, and takes memory. */
const load: Asked = { capabilities: ['CAP_BPF'], lockdown: true, memory: true }

test('what else stands in the way', t => {
  t.is(explainPermission({ status: ALL }, load), undefined)
  const lockdown = 'none [integrity] confidentiality\n'
  t.is(explainPermission({ status: ALL, lockdown }, load), 'the kernel is locked down (integrity)')
  t.is(explainPermission({ status: ALL, lockdown }, { ...load, lockdown: false }), undefined)
  t.is(
    explainPermission(
      { status: status('000001ffffffffff', 2), modules: 'lockdown,capability,apparmor\n' },
      load,
    ),
    'no capability that it asks for is missing; the seccomp filter of this process or a security module (apparmor) may refuse it',
  )
  t.is(
    explainRefusal({ status: NONE, lockdown: '[confidentiality]' }, load, 'the token does not delegate it'),
    'the token does not delegate it; the kernel is locked down (confidentiality)',
  )
})

test('a capability that the call does not ask for is not to blame', t => {
  const facts = { status: SOME, memlock: 65536 }
  t.regex(explainPermission(facts, load)!, /^RLIMIT_MEMLOCK is 65536 bytes, and kernels before 5\.11 count/)
  t.is(explainPermission(facts, { ...load, memory: false }), undefined)
  t.is(
    explainPermission(facts, { ...load, capabilities: ['CAP_BPF', 'CAP_PERFMON'] }),
    'this process lacks CAP_PERFMON (CAP_SYS_ADMIN would do too); run as root',
  )
  t.is(
    explainPermission(facts, { ...load, capabilities: ['CAP_SYS_ADMIN'] }),
    'this process lacks CAP_SYS_ADMIN; run as root',
  )
  const nothing: Asked = { ...load, capabilities: [], memory: false }
  t.is(explainPermission({ status: NONE, inUserNamespace: true }, nothing), undefined)
})

test('which capabilities a call asks for', t => {
  const loads = (programType: number, disabled: boolean): unknown =>
    neededCapabilities('bpf(BPF_PROG_LOAD)', { command: 'prog_load', programType }, disabled)
  t.deepEqual(loads(programTypes.socket_filter, false), [])
  t.deepEqual(loads(programTypes.socket_filter, true), ['CAP_BPF'])
  t.deepEqual(loads(programTypes.xdp, true), ['CAP_BPF', 'CAP_NET_ADMIN'])
  t.deepEqual(loads(programTypes.kprobe, false), ['CAP_BPF', 'CAP_PERFMON'])
  t.is(loads(9999, false), undefined)
  t.is(loads(programTypes.lirc_mode2, true), undefined)
  const creates = (mapType: number, disabled = false): unknown =>
    neededCapabilities('bpf(BPF_MAP_CREATE)', { command: 'map_create', mapType }, disabled)
  t.deepEqual(creates(mapTypes.hash), [])
  t.deepEqual(creates(mapTypes.lru_hash), ['CAP_BPF'])
  t.deepEqual(creates(mapTypes.cgroup_storage), [])
  t.deepEqual(creates(mapTypes.percpu_cgroup_storage, true), ['CAP_BPF'])
  t.deepEqual(creates(mapTypes.sockmap), ['CAP_NET_ADMIN'])
  t.deepEqual(creates(mapTypes.xskmap, true), ['CAP_BPF', 'CAP_NET_ADMIN'])
  t.deepEqual(neededCapabilities('bpf(BPF_MAP_GET_FD_BY_ID)', undefined, true), ['CAP_SYS_ADMIN'])
  t.deepEqual(neededCapabilities('bpf(BPF_ENABLE_STATS)', undefined, true), ['CAP_SYS_ADMIN'])
  t.deepEqual(neededCapabilities('perf_event_open', undefined, true), ['CAP_PERFMON'])
  t.deepEqual(neededCapabilities('open', undefined, true), [])
  t.is(neededCapabilities('bpf(BPF_LINK_CREATE)', undefined, false), undefined)
})
