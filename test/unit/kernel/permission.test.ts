import test from 'ava'
import { lackedCapabilities } from '../../../src/kernel/capabilities.ts'
import { explainPermission, explainPrivileges, explainRefusal } from '../../../src/kernel/permission.ts'

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
  t.is(explainPrivileges({ status: SOME }), 'this process lacks CAP_PERFMON and CAP_SYS_ADMIN; run as root')
  t.is(
    explainPrivileges({ status: NONE, unprivilegedBpfDisabled: '2\n' }),
    'this process lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN, and unprivileged BPF is disabled; run as root',
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

test('what else stands in the way', t => {
  t.is(explainPermission({ status: ALL }), undefined)
  t.is(
    explainPermission({ status: ALL, lockdown: 'none [integrity] confidentiality\n' }),
    'the kernel is locked down (integrity)',
  )
  t.is(
    explainPermission({ status: status('000001ffffffffff', 2) }),
    'a seccomp filter of this process may refuse it',
  )
  t.is(explainPermission({ status: ALL, countsMemlock: true }), 'RLIMIT_MEMLOCK may be too low')
  t.is(
    explainRefusal({ status: NONE, lockdown: '[confidentiality]' }, 'the token does not delegate it'),
    'the token does not delegate it; the kernel is locked down (confidentiality)',
  )
})
