import test from 'ava'
import { BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS } from '../../../src/abi/constants.ts'
import { attachTypes, programTypes } from '../../../src/abi/generated/enums.ts'
import { parseSectionName, sectionDefinitions } from '../../../src/programs/sections.ts'

/**
 * What libbpf 1.8 has in `section_defs`, in its order but for the rows of Linux 7.2, which stand beside their like, and in the words of the kernel: pattern, program type, attach
 * type (`0`: none), and whether programs may sleep (`S`) or handle packets of several buffers (`F`).
 */
const golden = `
  socket                    SOCKET_FILTER           0
  sk_reuseport/migrate      SK_REUSEPORT            SK_REUSEPORT_SELECT_OR_MIGRATE
  sk_reuseport              SK_REUSEPORT            SK_REUSEPORT_SELECT
  kprobe+                   KPROBE                  0
  uprobe+                   KPROBE                  0
  uprobe.s+                 KPROBE                  0                       S
  kretprobe+                KPROBE                  0
  uretprobe+                KPROBE                  0
  uretprobe.s+              KPROBE                  0                       S
  kprobe.multi+             KPROBE                  TRACE_KPROBE_MULTI
  kretprobe.multi+          KPROBE                  TRACE_KPROBE_MULTI
  kprobe.session+           KPROBE                  TRACE_KPROBE_SESSION
  uprobe.multi+             KPROBE                  TRACE_UPROBE_MULTI
  uretprobe.multi+          KPROBE                  TRACE_UPROBE_MULTI
  uprobe.session+           KPROBE                  TRACE_UPROBE_SESSION
  uprobe.multi.s+           KPROBE                  TRACE_UPROBE_MULTI      S
  uretprobe.multi.s+        KPROBE                  TRACE_UPROBE_MULTI      S
  uprobe.session.s+         KPROBE                  TRACE_UPROBE_SESSION    S
  ksyscall+                 KPROBE                  0
  kretsyscall+              KPROBE                  0
  usdt+                     KPROBE                  0
  usdt.s+                   KPROBE                  0                       S
  tc/ingress                SCHED_CLS               TCX_INGRESS
  tc/egress                 SCHED_CLS               TCX_EGRESS
  tcx/ingress               SCHED_CLS               TCX_INGRESS
  tcx/egress                SCHED_CLS               TCX_EGRESS
  tc                        SCHED_CLS               0
  classifier                SCHED_CLS               0
  action                    SCHED_ACT               0
  netkit/primary            SCHED_CLS               NETKIT_PRIMARY
  netkit/peer               SCHED_CLS               NETKIT_PEER
  tracepoint+               TRACEPOINT              0
  tp+                       TRACEPOINT              0
  tracepoint.s+             TRACEPOINT              0                       S
  tp.s+                     TRACEPOINT              0                       S
  raw_tracepoint+           RAW_TRACEPOINT          0
  raw_tp+                   RAW_TRACEPOINT          0
  raw_tracepoint.s+         RAW_TRACEPOINT          0                       S
  raw_tp.s+                 RAW_TRACEPOINT          0                       S
  raw_tracepoint.w+         RAW_TRACEPOINT_WRITABLE 0
  raw_tp.w+                 RAW_TRACEPOINT_WRITABLE 0
  tp_btf+                   TRACING                 TRACE_RAW_TP
  tp_btf.s+                 TRACING                 TRACE_RAW_TP            S
  fentry+                   TRACING                 TRACE_FENTRY
  fmod_ret+                 TRACING                 MODIFY_RETURN
  fexit+                    TRACING                 TRACE_FEXIT
  fentry.s+                 TRACING                 TRACE_FENTRY            S
  fmod_ret.s+               TRACING                 MODIFY_RETURN           S
  fexit.s+                  TRACING                 TRACE_FEXIT             S
  fsession+                 TRACING                 TRACE_FSESSION
  fsession.s+               TRACING                 TRACE_FSESSION          S
  fentry.multi+             TRACING                 TRACE_FENTRY_MULTI
  fentry.multi.s+           TRACING                 TRACE_FENTRY_MULTI      S
  fexit.multi+              TRACING                 TRACE_FEXIT_MULTI
  fexit.multi.s+            TRACING                 TRACE_FEXIT_MULTI       S
  fsession.multi+           TRACING                 TRACE_FSESSION_MULTI
  fsession.multi.s+         TRACING                 TRACE_FSESSION_MULTI    S
  freplace+                 EXT                     0
  lsm+                      LSM                     LSM_MAC
  lsm.s+                    LSM                     LSM_MAC                 S
  lsm_cgroup+               LSM                     LSM_CGROUP
  iter+                     TRACING                 TRACE_ITER
  iter.s+                   TRACING                 TRACE_ITER              S
  syscall                   SYSCALL                 0                       S
  xdp.frags/devmap          XDP                     XDP_DEVMAP              F
  xdp/devmap                XDP                     XDP_DEVMAP
  xdp.frags/cpumap          XDP                     XDP_CPUMAP              F
  xdp/cpumap                XDP                     XDP_CPUMAP
  xdp.frags                 XDP                     XDP                     F
  xdp                       XDP                     XDP
  perf_event                PERF_EVENT              0
  lwt_in                    LWT_IN                  0
  lwt_out                   LWT_OUT                 0
  lwt_xmit                  LWT_XMIT                0
  lwt_seg6local             LWT_SEG6LOCAL           0
  sockops                   SOCK_OPS                CGROUP_SOCK_OPS
  sk_skb/stream_parser      SK_SKB                  SK_SKB_STREAM_PARSER
  sk_skb/stream_verdict     SK_SKB                  SK_SKB_STREAM_VERDICT
  sk_skb/verdict            SK_SKB                  SK_SKB_VERDICT
  sk_skb                    SK_SKB                  0
  sk_msg                    SK_MSG                  SK_MSG_VERDICT
  lirc_mode2                LIRC_MODE2              LIRC_MODE2
  flow_dissector            FLOW_DISSECTOR          FLOW_DISSECTOR
  cgroup_skb/ingress        CGROUP_SKB              CGROUP_INET_INGRESS
  cgroup_skb/egress         CGROUP_SKB              CGROUP_INET_EGRESS
  cgroup/skb                CGROUP_SKB              0
  cgroup/sock_create        CGROUP_SOCK             CGROUP_INET_SOCK_CREATE
  cgroup/sock_release       CGROUP_SOCK             CGROUP_INET_SOCK_RELEASE
  cgroup/sock               CGROUP_SOCK             CGROUP_INET_SOCK_CREATE
  cgroup/post_bind4         CGROUP_SOCK             CGROUP_INET4_POST_BIND
  cgroup/post_bind6         CGROUP_SOCK             CGROUP_INET6_POST_BIND
  cgroup/bind4              CGROUP_SOCK_ADDR        CGROUP_INET4_BIND
  cgroup/bind6              CGROUP_SOCK_ADDR        CGROUP_INET6_BIND
  cgroup/connect4           CGROUP_SOCK_ADDR        CGROUP_INET4_CONNECT
  cgroup/connect6           CGROUP_SOCK_ADDR        CGROUP_INET6_CONNECT
  cgroup/connect_unix       CGROUP_SOCK_ADDR        CGROUP_UNIX_CONNECT
  cgroup/sendmsg4           CGROUP_SOCK_ADDR        CGROUP_UDP4_SENDMSG
  cgroup/sendmsg6           CGROUP_SOCK_ADDR        CGROUP_UDP6_SENDMSG
  cgroup/sendmsg_unix       CGROUP_SOCK_ADDR        CGROUP_UNIX_SENDMSG
  cgroup/recvmsg4           CGROUP_SOCK_ADDR        CGROUP_UDP4_RECVMSG
  cgroup/recvmsg6           CGROUP_SOCK_ADDR        CGROUP_UDP6_RECVMSG
  cgroup/recvmsg_unix       CGROUP_SOCK_ADDR        CGROUP_UNIX_RECVMSG
  cgroup/getpeername4       CGROUP_SOCK_ADDR        CGROUP_INET4_GETPEERNAME
  cgroup/getpeername6       CGROUP_SOCK_ADDR        CGROUP_INET6_GETPEERNAME
  cgroup/getpeername_unix   CGROUP_SOCK_ADDR        CGROUP_UNIX_GETPEERNAME
  cgroup/getsockname4       CGROUP_SOCK_ADDR        CGROUP_INET4_GETSOCKNAME
  cgroup/getsockname6       CGROUP_SOCK_ADDR        CGROUP_INET6_GETSOCKNAME
  cgroup/getsockname_unix   CGROUP_SOCK_ADDR        CGROUP_UNIX_GETSOCKNAME
  cgroup/sysctl             CGROUP_SYSCTL           CGROUP_SYSCTL
  cgroup/getsockopt         CGROUP_SOCKOPT          CGROUP_GETSOCKOPT
  cgroup/setsockopt         CGROUP_SOCKOPT          CGROUP_SETSOCKOPT
  cgroup/dev                CGROUP_DEVICE           CGROUP_DEVICE
  struct_ops+               STRUCT_OPS              0
  struct_ops.s+             STRUCT_OPS              0                       S
  sk_lookup                 SK_LOOKUP               SK_LOOKUP
  netfilter                 NETFILTER               NETFILTER
`
  .trim()
  .split('\n')
  .map(line => {
    const [pattern, type, attachType, flag = ''] = line.trim().split(/\s+/)
    return { pattern: pattern!, type: type!.toLowerCase(), attachType: attachType!.toLowerCase(), flag }
  })

const flagBits: Readonly<Record<string, number>> = { '': 0, S: BPF_F_SLEEPABLE, F: BPF_F_XDP_HAS_FRAGS }

test('the table has the rows of libbpf, in its order', t => {
  t.is(golden.length, 116)
  t.deepEqual(
    sectionDefinitions.map(({ name, takesTarget }) => name + (takesTarget ? '+' : '')),
    golden.map(({ pattern }) => pattern),
  )
})

for (const { pattern, type, attachType, flag } of golden) {
  test(`SEC("${pattern}")`, t => {
    const name = pattern.replace('+', '')
    const { definition, target, optional } = parseSectionName(name)
    t.is(definition?.name, name)
    t.is(String(definition?.type), type)
    t.is(definition?.attachType ?? '0', attachType)
    t.is(definition?.flags, flagBits[flag])
    t.is(target, '')
    t.false(optional)
    t.true(type in programTypes)
    t.true(attachType === '0' || attachType in attachTypes)

    const withTarget = parseSectionName(`${name}/some/target`)
    if (pattern.endsWith('+')) {
      t.deepEqual(withTarget, { definition, target: 'some/target', optional: false })
    } else {
      t.is(withTarget.definition, undefined)
      t.is(withTarget.target, '')
    }
    t.deepEqual(parseSectionName(`?${name}`), { definition, target: '', optional: true })
  })
}

test('targets may contain anything', t => {
  for (const [name, section, target] of [
    ['tp/sched/sched_switch', 'tp', 'sched/sched_switch'],
    ['fentry/', 'fentry', ''],
    ['kprobe//', 'kprobe', '/'],
    ['kprobe/vfs_read+0x10', 'kprobe', 'vfs_read+0x10'],
    ['uprobe//bin/sh:main', 'uprobe', '/bin/sh:main'],
    ['kprobe.multi/vfs_*', 'kprobe.multi', 'vfs_*'],
    ['uprobe.multi.s//lib/libc.so.6:mall*', 'uprobe.multi.s', '/lib/libc.so.6:mall*'],
    ['iter.s/task', 'iter.s', 'task'],
    ['struct_ops.s/init', 'struct_ops.s', 'init'],
    ['lsm_cgroup/socket_bind', 'lsm_cgroup', 'socket_bind'],
  ] as const) {
    const parsed = parseSectionName(name)
    t.is(parsed.definition?.name, section, name)
    t.is(parsed.target, target, name)
  }
})

test('only the first question mark is one', t => {
  t.deepEqual(parseSectionName('??xdp'), { definition: undefined, target: '', optional: true })
  t.is(parseSectionName('xdp?').definition, undefined)
})

for (const name of [
  '',
  '?',
  '/',
  'xdpfoo',
  'xdp/',
  'xdp/eth0',
  'xdp.s',
  'XDP',
  ' xdp',
  'kprobe.s/vfs_read',
  'kprobe.multi.s/vfs_read',
  'kprobefoo',
  'kprobe+',
  'kretprobe.session/x',
  'tcx',
  'tc/',
  'tc/other',
  'cgroup',
  'cgroup/',
  'cgroup_skb',
  'cgroup/skb/x',
  'tracepoint.ss/x',
  'tp_btf.w/x',
  'lsm_cgroup.s/x',
  'raw_tp.ws',
  'freplace.s/x',
  'syscall.s',
  'syscall/x',
  'sk_skb/',
  'socket1',
  'constructor',
  '__proto__',
]) {
  test(`SEC("${name}") is not known`, t => {
    t.deepEqual(parseSectionName(name), { definition: undefined, target: '', optional: name === '?' })
  })
}
