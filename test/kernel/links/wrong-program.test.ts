/** Programs of a type that a hook does not take: refused in one place, whatever the hook. */

import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { cgroup } from '../../../src/links/hooks/cgroup/cgroup.ts'
import { iter } from '../../../src/links/hooks/iter/iter.ts'
import { kprobe, kretprobe } from '../../../src/links/hooks/kernel-probes/kprobe.ts'
import { kprobeMulti, kprobeSession } from '../../../src/links/hooks/kernel-probes/kprobe-multi.ts'
import { kretsyscall, ksyscall } from '../../../src/links/hooks/kernel-probes/ksyscall.ts'
import { rawTracepoint } from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { tpBtf } from '../../../src/links/hooks/kernel-probes/tp-btf.ts'
import { tracepoint } from '../../../src/links/hooks/kernel-probes/tracepoint.ts'
import { flowDissector } from '../../../src/links/hooks/network/flow-dissector.ts'
import { netfilter } from '../../../src/links/hooks/network/netfilter.ts'
import { skLookup } from '../../../src/links/hooks/network/sk-lookup.ts'
import { tcx } from '../../../src/links/hooks/network/tcx.ts'
import { xdp } from '../../../src/links/hooks/network/xdp.ts'
import { perfEvent } from '../../../src/links/hooks/perf-event/perf-event.ts'
import { hooks } from '../../../src/links/hooks/registry.ts'
import { fentry } from '../../../src/links/hooks/tracing/fentry.ts'
import { fexit } from '../../../src/links/hooks/tracing/fexit.ts'
import { fmodRet } from '../../../src/links/hooks/tracing/fmod-ret.ts'
import { freplace } from '../../../src/links/hooks/tracing/freplace.ts'
import { fsession } from '../../../src/links/hooks/tracing/fsession.ts'
import { lsm } from '../../../src/links/hooks/tracing/lsm.ts'
import { fentryMulti, fexitMulti, fsessionMulti } from '../../../src/links/hooks/tracing/tracing-multi.ts'
import { uprobe, uretprobe } from '../../../src/links/hooks/user-probes/uprobe.ts'
import { uprobeMulti, uprobeSession } from '../../../src/links/hooks/user-probes/uprobe-multi.ts'
import type { ProgramHandle } from '../../../src/links/link.ts'
import { Program } from '../../../src/programs/program.ts'
import type { Hook } from '../../../src/programs/sections.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { inNetwork, networkNamespaces, vethDevices } from '../../support/links/network-process.ts'

const symbols = ['vfs_read']
const self = process.execPath
const pattern = '*'

/** How a program is attached to each hook, all that the library can attach to. */
const attach: Partial<Record<Hook, (program: ProgramHandle) => Disposable>> = {
  tracepoint: p => tracepoint(p, 'sched', 'sched_switch'),
  raw_tracepoint: p => rawTracepoint(p, 'sched_switch'),
  tp_btf: p => tpBtf(p),
  fentry: p => fentry(p),
  fexit: p => fexit(p),
  fsession: p => fsession(p),
  fmod_ret: p => fmodRet(p),
  fentry_multi: p => fentryMulti(p, { symbols }),
  fexit_multi: p => fexitMulti(p, { symbols }),
  fsession_multi: p => fsessionMulti(p, { symbols }),
  lsm: p => lsm(p),
  freplace: p => freplace(p),
  kprobe: p => kprobe(p, 'vfs_read'),
  kretprobe: p => kretprobe(p, 'vfs_read'),
  ksyscall: p => ksyscall(p, 'openat'),
  kretsyscall: p => kretsyscall(p, 'openat'),
  kprobe_multi: p => kprobeMulti(p, { symbols }),
  kretprobe_multi: p => kprobeMulti(p, { symbols, returns: true }),
  kprobe_session: p => kprobeSession(p, { symbols }),
  uprobe: p => uprobe(p, self, { offset: 4096 }),
  uretprobe: p => uretprobe(p, self, { offset: 4096 }),
  uprobe_multi: p => uprobeMulti(p, self, { pattern }),
  uretprobe_multi: p => uprobeMulti(p, self, { pattern, returns: true }),
  uprobe_session: p => uprobeSession(p, self, { pattern }),
  perf_event: p => perfEvent(p, { event: 'cpu-clock', frequency: 99 }),
  xdp: p => xdp(p, 'lo'),
  tcx: p => tcx(p, 'lo', 'ingress'),
  netfilter: p => netfilter(p, { family: 'ipv4', hook: 'local_in', priority: 0 }),
  sk_lookup: p => skLookup(p),
  flow_dissector: p => flowDissector(p),
  cgroup: p => cgroup(p, '/sys/fs/cgroup', 'cgroup_inet_egress'),
  iter: p => iter(p),
}
/** What takes no program. */
const OTHERS: ReadonlySet<string> = new Set<Hook>(['struct_ops', 'syscall'])

const filter = (): Program =>
  Program.load({ name: 'p', type: 'socket_filter', instructions: [mov(r0, 0), exit()] })

kernelTest('every hook refuses a program of another type, and names the type that it takes', [], t => {
  using program = filter()
  const attachable = Object.keys(hooks).filter(
    hook => hooks[hook as Hook].call !== undefined && !OTHERS.has(hook),
  )
  t.deepEqual(Object.keys(attach).sort(), attachable.sort(), 'this test knows every hook')
  for (const [hook, use] of Object.entries(attach)) {
    t.throws(
      () => use(program)[Symbol.dispose](),
      {
        code: 'ERR_PROGRAM_TYPE',
        message: /^Cannot attach .*: the program is of type socket_filter, and .* takes \w+( or \w+)*$/,
      },
      hook,
    )
  }
})

kernelTest('a program that was opened by id is of the type that the kernel says', [], t => {
  using program = filter()
  using opened = Program.fromId(program.info().id)
  for (const use of [skLookup, flowDissector, iter]) {
    t.throws(() => use(opened).close(), {
      code: 'EINVAL',
      message: /: Invalid argument \(EINVAL\): the program is of type socket_filter, and \w+ takes \w+$/,
    })
  }
})

kernelTest('an iterator says which option its target takes', [], t => {
  const load = (attachTarget: string): Program =>
    Program.load({
      name: 'p',
      type: 'tracing',
      expectedAttachType: 'trace_iter',
      attachTarget,
      license: 'GPL',
      instructions: [mov(r0, 0), exit()],
    })
  using elements = load('bpf_map_elem')
  t.throws(() => iter(elements).close(), { message: /an iterator of bpf_map_elem needs the option map$/ })
})

kernelTest('a directory that is not a control group of version 2', [], t => {
  using program = Program.load({
    name: 'p',
    type: 'cgroup_skb',
    expectedAttachType: 'cgroup_inet_ingress',
    instructions: [mov(r0, 1), exit()],
  })
  t.throws(() => cgroup(program, '/proc', 'cgroup_inet_ingress').close(), {
    code: 'EBADF',
    message:
      /\/proc is not a control group; (version 2 is mounted at \/|no file system of version 2 \(cgroup2\) is mounted$)/,
  })
})

kernelTest('what stands in the way of XDP is looked up', [networkNamespaces], t => {
  const { twice, mode, update, typo } = inNetwork('xdp refusals')
  t.regex(
    String(twice),
    /\(EBUSY\): on a device of that index, in this or another network namespace, (?:.*, )?link \d+ runs program \d+ \(on_xdp\)/,
  )
  // Linux 7.2 looks at the driver first.
  t.regex(
    String(mode),
    /\(EEXIST\): on a device of that index, .*link \d+ runs program \d+ \(on_xdp\).*; generic and driver mode exclude|\(EOPNOTSUPP\): its driver does not run XDP .*; mode 'generic' needs no driver/,
  )
  t.regex(String(update), /\(EINVAL\): the program is of type socket_filter, and xdp takes xdp$/)
  t.regex(String(typo), /^ENODEV: Cannot attach .*: no network device is called "l0"; did you mean lo\?$/)
})

kernelTest('a driver that takes XDP only for smaller packets', [networkNamespaces, vethDevices], t => {
  const { large } = inNetwork('xdp large packets')
  t.regex(
    String(large),
    /\(ERANGE\): its driver takes XDP only for smaller packets: its MTU is 9000, and the program is not loaded for packets of several buffers .*; the peer of a veth counts too$/,
  )
})
