import { mov } from '../../../src/asm/alu.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { defineFeature } from '../../../src/kernel/probes/probe.ts'
import { matchFunctions } from '../../../src/links/hooks/function-pattern.ts'
import { kprobeMulti, kprobeSession } from '../../../src/links/hooks/kernel-probes/kprobe-multi.ts'
import type { KprobeMultiLinkInfo } from '../../../src/links/info.ts'
import { Link } from '../../../src/links/link.ts'
import { LinkGroup } from '../../../src/links/link-group.ts'
import type { Program } from '../../../src/programs/program.ts'
import { KernelSymbols } from '../../../src/symbols/kallsyms.ts'
import { traceableFunctions } from '../../../src/symbols/traceable.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftoolLink } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { kprobeMultiInfo } from '../../support/links/features.ts'
import {
  attachCookie,
  callTestFunctions,
  comesToRest,
  functionAddress,
  Recorder,
  type Recording,
  TEST_FUNCTIONS,
} from '../../support/links/recorder.ts'
import { lacking, since } from '../../support/programs/features.ts'

const cookieInfo = since('6.9', 'Cookies in the info of a kprobe_multi link')

const load = (recorder: Recorder, recording?: Recording): Program =>
  recorder.load({ type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' }, recording)
const loadSession = (recorder: Recorder, recording?: Recording): Program =>
  recorder.load({ type: 'kprobe', expectedAttachType: 'trace_kprobe_session' }, recording)

function addressOf(name: string): bigint {
  const [symbol] = KernelSymbols.read().find(name)
  if (symbol === undefined) throw new Error(`no symbol ${name}`)
  return symbol.address
}

const counts = (...first: number[]): number[] => [...first, ...Array(16 - first.length).fill(0)]

kernelTest(
  'symbols: every function hits once per call, and none after closing',
  [features.kprobeMulti],
  t => {
    using recorder = new Recorder()
    using program = load(recorder)
    using link = kprobeMulti(program, { symbols: TEST_FUNCTIONS })
    t.is(link.count, 8)
    t.deepEqual(link.rejected, [])
    callTestFunctions()
    t.is(recorder.hits, 8)
    link.close()
    callTestFunctions()
    t.is(recorder.hits, 8)
  },
)

kernelTest('addresses: the program runs at these functions', [features.kprobeMulti], t => {
  using recorder = new Recorder()
  using program = load(recorder, { values: [functionAddress] })
  const address = addressOf('bpf_fentry_test5')
  using link = kprobeMulti(program, { addresses: [address] })
  t.is(link.count, 1)
  callTestFunctions()
  t.is(recorder.hits, 1)
  t.is(recorder.value(0), address)
})

for (const [pattern, expected] of [
  ['bpf_fentry_test?', TEST_FUNCTIONS.length],
  [/bpf_fentry_test[2-4]/, 3],
  ['bpf_fentry_test8', 1],
] as const) {
  kernelTest(`a pattern selects functions: ${pattern}`, [features.kprobeMulti], t => {
    using recorder = new Recorder()
    using program = load(recorder)
    using link = kprobeMulti(program, { pattern })
    const { functions } = matchFunctions(pattern)
    t.is(link.count, functions.length)
    t.true(link.count >= expected)
    callTestFunctions()
    // Newer kernels have a ninth.
    t.is(recorder.hits, expected === 8 ? functions.length : expected)
  })
}

kernelTest('a pattern leaves out what cannot be probed, and says why', [features.kprobeMulti], t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const pattern = /bpf_fentry_test1|rcu_nmi_enter|ct_nmi_enter|kprobe_dispatcher|get_kprobe/
  using link = kprobeMulti(program, { pattern })
  const traceable = new Set(traceableFunctions().map(({ name }) => name))
  t.is(link.count, 1)
  t.true(link.rejected.length > 0)
  for (const { name, reason } of link.rejected) {
    t.regex(name, pattern)
    if (reason === 'notrace') t.false(traceable.has(name), name)
    else t.is(reason, 'blacklisted')
  }
  t.true(link.rejected.some(({ name, reason }) => name === 'get_kprobe' && reason === 'blacklisted'))
})

kernelTest('returns: the program runs when the functions return', [features.kprobeMulti], t => {
  using recorder = new Recorder()
  using program = load(recorder, { values: [functionAddress] })
  using _link = kprobeMulti(program, { symbols: ['bpf_fentry_test3'], returns: true })
  callTestFunctions()
  t.is(recorder.hits, 1)
  t.is(recorder.value(0), addressOf('bpf_fentry_test3'))
})

for (const returns of [false, true]) {
  kernelTest(`cookies: each function has its own, returns: ${returns}`, [features.kprobeMulti], t => {
    using recorder = new Recorder()
    using program = load(recorder, { counter: attachCookie })
    // Not in the order of their addresses, which is the order that the kernel keeps them in.
    const cookies = [7n, 1n, 6n, 2n, 5n, 3n, 4n, 8n]
    using link = kprobeMulti(program, { symbols: TEST_FUNCTIONS, cookies, returns })
    callTestFunctions()
    t.deepEqual(recorder.counts, counts(0, 1, 1, 1, 1, 1, 1, 1, 1))
    link.close()
    recorder.reset()
    const addresses = TEST_FUNCTIONS.slice(0, 3).map(addressOf)
    using _second = kprobeMulti(program, { addresses, cookies: [9n, 9n, (1n << 64n) - 1n], returns })
    callTestFunctions()
    t.deepEqual([recorder.counts[9], recorder.counts[15]], [2, 1])
  })
}

kernelTest('a session runs at entry and return', [features.kprobeSession, 'bpftool'], t => {
  using recorder = new Recorder()
  using program = loadSession(recorder)
  using link = kprobeSession(program, { symbols: TEST_FUNCTIONS })
  t.is(link.count, 8)
  callTestFunctions()
  t.is(recorder.hits, 16)
  const info = link.info()
  t.like(info, { type: 'kprobe_multi', programId: program.info().id, count: 8 })
  t.like(bpftoolLink(info.id), { type: 'kprobe_multi', prog_id: info.programId, func_cnt: 8 })
})

kernelTest('a session that returns 1 at entry does not run at return', [features.kprobeSession], t => {
  using recorder = new Recorder()
  using program = loadSession(recorder, { returns: [mov(r0, 1)] })
  using _link = kprobeSession(program, { pattern: 'bpf_fentry_test1' })
  callTestFunctions()
  t.is(recorder.hits, 1)
})

kernelTest('a session has cookies', [features.kprobeSession], t => {
  using recorder = new Recorder()
  using program = loadSession(recorder, { counter: attachCookie })
  using _link = kprobeSession(program, { symbols: TEST_FUNCTIONS.slice(0, 2), cookies: [3n, 1n] })
  callTestFunctions()
  t.deepEqual(recorder.counts, counts(0, 2, 0, 2))
})

kernelTest('uniqueMatch takes one function and no more', [features.kprobeMulti], t => {
  using recorder = new Recorder()
  using program = load(recorder)
  using link = kprobeMulti(program, { pattern: 'bpf_fentry_test1', uniqueMatch: true })
  t.is(link.count, 1)
  const error = t.throws(() => kprobeMulti(program, { pattern: 'bpf_fentry_test?', uniqueMatch: true }), {
    code: 'ERR_AMBIGUOUS',
  })
  t.regex(
    error.message,
    /^Cannot attach .*: bpf_fentry_test\? matches \d functions, such as bpf_fentry_test1, /,
  )
})

kernelTest('ten thousand functions attach in one call', [features.kprobeMulti], t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const names = new Set(TEST_FUNCTIONS)
  const count = new Map<string, number>()
  const traceable = traceableFunctions()
  for (const { name } of traceable) count.set(name, (count.get(name) ?? 0) + 1)
  for (const { name, module } of traceable) {
    if (names.size === 10_000) break
    // Nothing of what an attaching kernel does itself: emulated, a probe costs microseconds.
    if (module === undefined && count.get(name) === 1 && /^[a-z]+[0-9]*_.*_/.test(name)) names.add(name)
  }
  t.is(names.size, 10_000)
  using link = kprobeMulti(program, { symbols: [...names] })
  t.is(link.count, 10_000)
  if (kprobeMultiInfo.probe() === 'yes') t.is((link.info() as KprobeMultiLinkInfo).count, 10_000)
  callTestFunctions()
  t.true(recorder.hits >= 8)
})

kernelTest('info: the facts that bpftool shows', [features.kprobeMulti, cookieInfo, 'bpftool'], t => {
  using recorder = new Recorder()
  using program = load(recorder)
  using link = kprobeMulti(program, {
    symbols: ['bpf_fentry_test2', 'bpf_fentry_test1'],
    cookies: [22n, 11n],
    returns: true,
  })
  const info = link.info() as KprobeMultiLinkInfo
  const shown = bpftoolLink(info.id)
  t.like(info, { type: 'kprobe_multi', programId: program.info().id, count: 2, flags: 1, missed: 0n })
  t.deepEqual(
    info.targets.toSorted((a, b) => Number(a.cookie - b.cookie)),
    [
      { address: addressOf('bpf_fentry_test1'), cookie: 11n },
      { address: addressOf('bpf_fentry_test2'), cookie: 22n },
    ],
  )
  t.like(shown, {
    type: 'kprobe_multi',
    prog_id: info.programId,
    retprobe: true,
    func_cnt: info.count,
    missed: Number(info.missed),
  })
  t.deepEqual(
    shown.funcs?.map(({ func, cookie }) => [func, cookie]),
    [
      ['bpf_fentry_test1', 11],
      ['bpf_fentry_test2', 22],
    ],
  )
})

kernelTest(
  'a pattern, names and addresses give the same targets',
  [features.kprobeMulti, kprobeMultiInfo],
  t => {
    using recorder = new Recorder()
    using program = load(recorder)
    const names = ['bpf_fentry_test4', 'bpf_fentry_test5']
    const targets = [
      { pattern: /bpf_fentry_test[45]/ },
      { symbols: names },
      { addresses: names.map(addressOf) },
    ].map(options => {
      using link = kprobeMulti(program, options)
      return (link.info() as KprobeMultiLinkInfo).targets.map(({ address }) => address)
    })
    t.deepEqual(targets[0], names.map(addressOf))
    t.deepEqual(targets[1], targets[0])
    t.deepEqual(targets[2], targets[0])
  },
)

kernelTest(
  'pin, open, list: the link lives as long as anything holds it',
  [features.kprobeMulti],
  async t => {
    using recorder = new Recorder()
    using bpffs = temporaryBpffs()
    using program = load(recorder)
    using link = kprobeMulti(program, { symbols: ['bpf_fentry_test1'] })
    const { id } = link.info()
    link.pin(`${bpffs.path}/link`)
    link.close()
    program.close()
    callTestFunctions()
    t.is(recorder.hits, 1)
    const ids: number[] = []
    for (const each of Link.list()) {
      ids.push(each.info().id)
      each.close()
    }
    t.true(ids.includes(id))
    using opened = Link.loadPinned(`${bpffs.path}/link`)
    t.is(opened.info().id, id)
    opened.unpin(`${bpffs.path}/link`)
    callTestFunctions()
    t.is(recorder.hits, 2)
    opened.close()
    t.true(await comesToRest(recorder))
  },
)

kernelTest('the link can neither be updated nor detached, and says so', [features.kprobeMulti], t => {
  using recorder = new Recorder()
  using program = load(recorder)
  using link = kprobeMulti(program, { symbols: ['bpf_fentry_test1'] })
  t.throws(() => link.update(program), {
    code: 'ERR_NOT_SUPPORTED',
    message: /^Updating links of type kprobe_multi is not supported by this kernel; /,
  })
  t.throws(() => link.detach(), {
    code: 'ERR_NOT_SUPPORTED',
    message: /^Detaching links of type kprobe_multi is not supported by this kernel; close it/,
  })
  callTestFunctions()
  t.is(recorder.hits, 1)
})

const withoutMulti = [lacking(features.kprobeMulti), features.trampoline]
const everyTest = /bpf_fentry_test[1-8]/

for (const returns of [false, true]) {
  for (const targets of [{ symbols: TEST_FUNCTIONS }, { pattern: everyTest }]) {
    const [kind = ''] = Object.keys(targets)
    kernelTest(`without kprobe_multi, kprobes stand in: ${kind}, returns: ${returns}`, withoutMulti, t => {
      using recorder = new Recorder()
      using program = load(recorder)
      using link = kprobeMulti(program, { ...targets, returns, fallback: 'kprobe' })
      t.is(link.count, 8)
      t.true(link instanceof LinkGroup && link.links.length === 8)
      callTestFunctions()
      t.is(recorder.hits, 8)
      link.close()
      link.close()
      t.true(link.closed)
      callTestFunctions()
      t.is(recorder.hits, 8)
    })
  }
}

kernelTest('kprobes that stand in take addresses', withoutMulti, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const addresses = ['bpf_fentry_test1', 'bpf_fentry_test2'].map(addressOf)
  using link = kprobeMulti(program, { addresses, fallback: 'kprobe' })
  t.is(link.count, 2)
  callTestFunctions()
  t.is(recorder.hits, 2)
})

kernelTest(
  'kprobes that stand in have cookies, for a program without attach type',
  [...withoutMulti, features.perfEventLink],
  t => {
    using recorder = new Recorder()
    const options = { symbols: TEST_FUNCTIONS.slice(0, 2), cookies: [5n, 4n], fallback: 'kprobe' } as const
    using program = recorder.load({ type: 'kprobe' }, { counter: attachCookie })
    using _link = kprobeMulti(program, options)
    callTestFunctions()
    t.deepEqual([recorder.counts[5], recorder.counts[4]], [1, 1])
    using other = load(recorder)
    t.throws(() => kprobeMulti(other, options), {
      code: 'ERR_ATTACH_TYPE',
      message: /with cookies.*must be loaded without expectedAttachType/,
    })
  },
)

kernelTest('kprobes that stand in are attached all or none', withoutMulti, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const symbols = ['bpf_fentry_test1', 'ebpf_ts_no_such_function']
  t.throws(() => kprobeMulti(program, { symbols, fallback: 'kprobe' }), {
    message: /the kernel has no symbol ebpf_ts_no_such_function/,
  })
  callTestFunctions()
  t.is(recorder.hits, 0)
})

kernelTest('a group is asked for its links', withoutMulti, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  using link = kprobeMulti(program, { pattern: everyTest, fallback: 'kprobe' })
  t.throws(() => link.info(), { code: 'ERR_NOT_SUPPORTED', message: /ask each of its links/ })
  t.throws(() => link.pin('/sys/fs/bpf/group'), {
    code: 'ERR_NOT_SUPPORTED',
    message: /pin each of its links/,
  })
  t.throws(() => link.detach(), { code: 'ERR_NOT_SUPPORTED' })
  t.throws(() => link.update(program), { code: 'ERR_NOT_SUPPORTED' })
  link.close()
  t.throws(() => link.fd, { code: 'ERR_CLOSED' })
})

/** A function that only one module has, which may be traced. */
function moduleFunction(): { name: string; module: string } | undefined {
  const functions = traceableFunctions()
  const counts = new Map<string, number>()
  for (const { name } of functions) counts.set(name, (counts.get(name) ?? 0) + 1)
  const symbols = KernelSymbols.read()
  const found = functions.find(
    ({ name, module }) =>
      module !== undefined && counts.get(name) === 1 && symbols.find(`${module}:${name}`).length === 1,
  )
  return found?.module === undefined ? undefined : { name: found.name, module: found.module }
}

const tracedModule = defineFeature('A module with functions that can be traced', undefined, () =>
  moduleFunction() === undefined ? 'no' : 'yes',
)

kernelTest('functions of a module are named by it', [features.kprobeMulti, tracedModule], t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const { name, module } = moduleFunction()!
  for (const options of [
    { symbols: [`${module}:${name}`] },
    { symbols: [`${module}:${name}`, 'bpf_fentry_test1', 'vmlinux:bpf_fentry_test2'] },
    { pattern: `${module}:${name}` },
  ]) {
    using link = kprobeMulti(program, options)
    t.is(link.count, options.symbols?.length ?? 1)
  }
  for (const symbol of [`${module}:bpf_fentry_test1`, `vmlinux:${name}`]) {
    t.throws(() => kprobeMulti(program, { symbols: [symbol] }), {
      code: 'ENOENT',
      message: new RegExp(
        `^Cannot attach program recorder to many functions: the kernel has no symbol ${symbol}`,
      ),
    })
  }
  t.throws(() => kprobeMulti(program, { pattern: 'no_such_module:*' }), {
    code: 'ENOENT',
    message: /no function matches no_such_module:\*$/,
  })
})

kernelTest('the kernel itself is named like a module', [features.kprobeMulti], t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const twice = ['vmlinux:bpf_fentry_test1', 'bpf_fentry_test1']
  t.throws(() => kprobeMulti(program, { symbols: twice }), {
    instanceOf: RangeError,
    message: /: 0x[0-9a-f]+ is given twice$/,
  })
  using link = kprobeMulti(program, { pattern: 'vmlinux:bpf_fentry_test?' })
  // Newer kernels have a ninth.
  t.true(link.count >= TEST_FUNCTIONS.length)
  callTestFunctions()
  t.is(recorder.hits, link.count)
})
