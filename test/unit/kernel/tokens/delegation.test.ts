import test from 'ava'
import { attachTypes, mapTypes, programTypes } from '../../../../src/abi/generated/enums.ts'
import { parseFdinfo } from '../../../../src/kernel/fdinfo.ts'
import {
  ANY,
  bitsOf,
  type Delegations,
  missingDelegation,
  parseDelegations,
  type TokenUse,
} from '../../../../src/kernel/tokens/delegation.ts'

const FDINFO = `pos:\t0
flags:\t02000002
mnt_id:\t86
ino:\t193250
allowed_cmds:\t0x21
allowed_maps:\t0x6
allowed_progs:\t0x4
allowed_attachs:\tany
`

test('fdinfo is names and values', t => {
  const facts = parseFdinfo(`${FDINFO}no colon\n:no name\nempty:\n`)
  t.is(facts.get('mnt_id'), '86')
  t.is(facts.get('allowed_attachs'), 'any')
  t.is(facts.get('empty'), '')
  t.is(facts.size, 9)
  t.is(parseFdinfo('').size, 0)
})

test('what a token delegates is read from its fdinfo', t => {
  t.deepEqual(parseDelegations(parseFdinfo(FDINFO)), { cmds: 0x21n, maps: 6n, progs: 4n, attachs: ANY })
})

test('what is not the fdinfo of a token delegates nothing', t => {
  for (const text of [
    '',
    'pos:\t0\nmap_type:\t1\n',
    FDINFO.replace('allowed_progs:\t0x4\n', ''),
    FDINFO.replace('0x21', '33'),
    FDINFO.replace('0x21', '0x1_0000'),
    FDINFO.replace('0x21', `0x${'1'.repeat(17)}`),
    FDINFO.replace('any', 'all'),
  ]) {
    t.is(parseDelegations(parseFdinfo(text)), undefined, text)
  }
})

test('bits of a mask are numbers', t => {
  t.deepEqual(bitsOf(0x21n), [0, 5])
  t.deepEqual(bitsOf(0n), [])
  t.is(bitsOf(ANY).length, 64)
  t.deepEqual(bitsOf(1n << 63n), [63])
})

const delegations = (some: Partial<Delegations>): Delegations => ({
  cmds: ANY,
  maps: ANY,
  progs: ANY,
  attachs: ANY,
  ...some,
})

const xdp: TokenUse = {
  command: 'prog_load',
  programType: programTypes.xdp,
  attachType: attachTypes.xdp,
}
const NAMES_NONE = ', which the kernel takes for a program that names none'

const rows: readonly [Partial<Delegations>, TokenUse, string | undefined][] = [
  [{}, xdp, undefined],
  [{ cmds: 0x21n }, xdp, undefined],
  [{ cmds: 1n }, xdp, 'the command prog_load (delegate_cmds=map_create)'],
  [{ cmds: 0n }, { command: 'btf_load' }, 'the command btf_load (no delegate_cmds)'],
  [{ progs: 0x6n }, xdp, 'program type xdp (delegate_progs=socket_filter:kprobe)'],
  [{ attachs: 1n }, xdp, 'attach type xdp (delegate_attachs=cgroup_inet_ingress)'],
  [{ maps: 4n }, { command: 'map_create', mapType: mapTypes.hash }, 'map type hash (delegate_maps=array)'],
  [{ maps: 4n }, { command: 'map_create', mapType: mapTypes.array }, undefined],
  // What the tables do not know.
  [{ maps: 1n << 63n }, { command: 'map_create', mapType: 62 }, 'map type 62 (delegate_maps=63)'],
  [{}, { command: 'map_create', mapType: 64 }, 'map type 64 (delegate_maps=any)'],
  // Programs without an attach type have one for the kernel.
  [
    { attachs: 2n },
    { command: 'prog_load', programType: programTypes.kprobe },
    `attach type cgroup_inet_ingress${NAMES_NONE} (delegate_attachs=cgroup_inet_egress)`,
  ],
  [
    { attachs: 1n },
    { command: 'prog_load', programType: programTypes.cgroup_sock, attachType: 0 },
    `attach type cgroup_inet_sock_create${NAMES_NONE} (delegate_attachs=cgroup_inet_ingress)`,
  ],
  [
    { attachs: 1n },
    { command: 'prog_load', programType: programTypes.sk_reuseport, attachType: 0 },
    `attach type sk_reuseport_select${NAMES_NONE} (delegate_attachs=cgroup_inet_ingress)`,
  ],
  [
    { attachs: 1n },
    { command: 'prog_load', programType: programTypes.struct_ops, attachType: 5 },
    'attach type sk_skb_stream_verdict, which has the number of the struct_ops member (delegate_attachs=cgroup_inet_ingress)',
  ],
]

for (const [some, use, expected] of rows) {
  const masks = Object.entries(some).map(([kind, mask]) => `${kind} 0x${mask.toString(16)}`)
  test(`of ${masks.join() || 'everything'}, ${JSON.stringify(use)} lacks ${expected ?? 'nothing'}`, t => {
    t.is(missingDelegation(delegations(some), use), expected)
  })
}
