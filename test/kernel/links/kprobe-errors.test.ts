import type { ExecutionContext } from 'ava'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { kprobe, kretprobe } from '../../../src/links/hooks/kernel-probes/kprobe.ts'
import type { ProbeMode } from '../../../src/links/hooks/perf-event/probe.ts'
import type { Link } from '../../../src/links/link.ts'
import { KernelSymbols } from '../../../src/symbols/kallsyms.ts'
import { kprobeBlacklist, traceableFunctions } from '../../../src/symbols/traceable.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { callTraced, ProbeProgram, TRACED } from '../../support/links/probe-programs.ts'
import { noPerfEventLink, probeTest } from '../../support/links/probe-test.ts'

const { kprobe: kprobes, perfEventLink } = features

const modes: readonly ProbeMode[] = ['auto', 'perf', 'legacy']

/** Fails unless an attachment to a function is refused in each mode, with a code and a reason. */
function refused(t: ExecutionContext, name: string, code: string, reason: RegExp): void {
  using probe = new ProbeProgram()
  for (const mode of modes) {
    const error = t.throws(() => kprobe(probe.program, name, { mode }).close(), { instanceOf: BpfError })
    // tracefs says EINVAL whatever is wrong with a place.
    t.true(error.code === code || (mode === 'legacy' && error.code === 'EINVAL'), `${mode}: ${error.code}`)
    t.regex(error.message, reason, mode)
    t.true(error.message.includes(name), mode)
  }
}

probeTest('a symbol that does not exist', [kprobes], t => {
  refused(
    t,
    'no_such_function',
    'ENOENT',
    /: the kernel has no symbol no_such_function: no such function exists/,
  )
  refused(t, 'virtio_blk:vfs_read', 'ENOENT', /the kernel has no symbol virtio_blk:vfs_read/)
  refused(t, 'no_such_module:vfs_read', 'ENOENT', /or its module is not loaded; did you mean vfs_read\?$/)
})

probeTest('a symbol that exists twice', [kprobes], t => {
  const name = functionNames().find(each => each.count === 2)!.name
  refused(
    t,
    name,
    'EADDRNOTAVAIL',
    new RegExp(
      `2 functions are called ${name} \\(in the kernel itself, the kernel itself\\): give an address`,
    ),
  )
})

probeTest('a function that the compiler inlined, or made others of', [kprobes], t => {
  const names = new Set(functionNames().map(({ name }) => name))
  const made = [...names].find(
    name => /^\w+\.(isra|constprop|part)\.0$/.test(name) && !names.has(name.split('.')[0]!),
  )!
  const [source = ''] = made.split('.')
  refused(
    t,
    source,
    'ENOENT',
    new RegExp(`the compiler inlined it or made other functions of it: .*${source}\\.`),
  )
})

probeTest('a function on the blacklist of kprobes', [kprobes], t => {
  const blacklist = kprobeBlacklist()
  const { name } = functionNames().find(each => each.count === 1 && blacklist.has(each.name))!
  refused(t, name, 'EINVAL', new RegExp(`${name} is on the kernel's kprobe blacklist \\(NOKPROBE_SYMBOL\\)$`))
})

probeTest('a function that is marked notrace', [kprobes], t => {
  const blacklist = kprobeBlacklist()
  const traceable = new Set(traceableFunctions().map(({ name }) => name))
  const name = NOTRACE.find(
    each => !traceable.has(each) && !blacklist.has(each) && KernelSymbols.read().find(each).length === 1,
  )!
  refused(t, name, 'EINVAL', new RegExp(`${name} cannot be traced: it is marked notrace`))
})

/** Functions that are notrace in every kernel that has them. */
const NOTRACE = ['trace_clock_local', 'sched_clock', 'trace_clock_global', 'ftrace_stub']

probeTest('an offset at which no instruction starts', [kprobes], t => {
  using probe = new ProbeProgram()
  for (const mode of modes) {
    t.throws(() => kprobe(probe.program, TRACED, { offset: 1, mode }), {
      instanceOf: BpfError,
      code: process.arch === 'arm64' ? 'EINVAL' : 'EILSEQ',
      message: /: no instruction of f_dupfd starts at offset 1$/,
    })
  }
})

probeTest('an address outside of code', [kprobes], t => {
  using probe = new ProbeProgram()
  for (const mode of modes) {
    t.throws(() => kprobe(probe.program, 0x1000n, { mode }), {
      instanceOf: BpfError,
      message:
        /0x1000.*: it (?:belongs to no symbol of the kernel|is \S+(?:: .*|, where no instruction .* starts))$/,
    })
  }
})

probeTest('wrong arguments', [kprobes], t => {
  using probe = new ProbeProgram()
  const { program } = probe
  for (const offset of [-1, 1.5, 2 ** 32]) {
    t.throws(() => kprobe(program, TRACED, { offset }), { instanceOf: RangeError, message: /offset/ })
  }
  for (const maxactive of [-1, 1.5, 4097]) {
    t.throws(() => kretprobe(program, TRACED, { maxactive }), {
      instanceOf: RangeError,
      message: /maxactive/,
    })
  }
  for (const address of [0n, -1n, 1n << 64n]) {
    t.throws(() => kprobe(program, address), { instanceOf: RangeError, message: /is not an address$/ })
  }
  for (const cookie of [-1n, 1n << 64n]) {
    t.throws(() => kprobe(program, TRACED, { cookie }), { instanceOf: RangeError, message: /cookie/ })
  }
  t.throws(() => kretprobe(program, TRACED, { maxactive: 1, mode: 'perf' }), { instanceOf: TypeError })
  t.throws(() => kprobe(program, TRACED, { cookie: 1n, mode: 'legacy' }), {
    instanceOf: TypeError,
    message:
      "Cannot attach program probe to kprobe f_dupfd: a cookie needs mode 'link' or 'auto', not 'legacy'",
  })
})

probeTest('a name cannot carry other commands to tracefs', [kprobes], t => {
  using probe = new ProbeProgram()
  for (const name of [
    '',
    ' ',
    `${TRACED}\n-:a/b`,
    `${TRACED} $stack`,
    `${TRACED}+1`,
    `${TRACED}#`,
    `a/b:${TRACED}`,
    '0x1000',
  ]) {
    for (const attach of [kprobe, kretprobe]) {
      t.throws(() => attach(probe.program, name, { mode: 'legacy' }), {
        instanceOf: TypeError,
        message: /is not the name of a function$/,
      })
    }
  }
})

probeTest('a link, or a cookie, on a kernel without links of perf events', [kprobes, noPerfEventLink], t => {
  using probe = new ProbeProgram()
  t.throws(() => kprobe(probe.program, TRACED, { mode: 'link' }), {
    instanceOf: NotSupportedError,
    message: 'A BPF link for perf events is not supported by this kernel (needs Linux 5.15 or later)',
  })
  for (const options of [{ cookie: 1n }, { cookie: 1n, maxactive: 1 }]) {
    t.throws(() => kretprobe(probe.program, TRACED, options), {
      instanceOf: NotSupportedError,
      message: /with a cookie is not supported by this kernel \(needs Linux 5.15 or later\)$/,
    })
  }
})

probeTest('a program of another type', [kprobes], t => {
  using probe = new ProbeProgram()
  for (const mode of modes) {
    t.throws(() => kprobe({ fd: 0, name: 'stdin' }, TRACED, { mode }), {
      instanceOf: BpfError,
      message: /^Cannot attach program stdin to kprobe f_dupfd: /,
    })
  }
  t.is(probe.seen.runs, 0)
})

for (const mode of ['link', 'perf', 'legacy'] as const) {
  const needs = mode === 'link' ? [kprobes, perfEventLink] : [kprobes]
  probeTest(`mode ${mode}: program and link are closed in any order, and twice`, needs, t => {
    for (const first of ['program', 'link'] as const) {
      const probe = new ProbeProgram()
      const link = kprobe(probe.program, TRACED, { mode })
      callTraced(0)
      t.is(probe.seen.runs, 1)
      if (first === 'program') {
        probe.program.close()
        callTraced(0)
        // The kernel keeps a program as long as it is attached.
        t.is(probe.seen.runs, 2)
      }
      closeTwice(t, link)
      callTraced(0)
      t.is(probe.seen.runs, first === 'program' ? 2 : 1)
      probe[Symbol.dispose]()
    }
  })
}

function closeTwice(t: ExecutionContext, link: Link): void {
  link.close()
  link.close()
  t.true(link.closed)
  for (const use of [() => link.fd, () => link.info(), () => link.pin('/sys/fs/bpf/x')]) {
    t.throws(use, { instanceOf: BpfError, code: 'ERR_CLOSED' })
  }
}

/** Names of the kernel's own functions, and how many have each. */
function functionNames(): { name: string; count: number }[] {
  const counts = new Map<string, number>()
  for (const { name, module } of KernelSymbols.read().functions()) {
    if (module === undefined) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, count]) => ({ name, count }))
}

kernelTest('a kprobe is attached, or the error says that the kernel has none', [], t => {
  using probe = new ProbeProgram()
  if (kprobes.probe() === 'yes') {
    t.notThrows(() => kprobe(probe.program, TRACED).close())
    return
  }
  for (const mode of modes) {
    t.throws(() => kprobe(probe.program, 'vfs_read', { mode }), {
      instanceOf: NotSupportedError,
      message:
        /^Cannot attach program \w+ to .*vfs_read.*: A kprobe is not supported by this kernel; it was built without CONFIG_KPROBE_EVENTS$/,
    })
  }
})
