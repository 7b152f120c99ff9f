import { features } from '../../../src/kernel/probes/features.ts'
import {
  type KprobeMultiOptions,
  kprobeMulti,
  kprobeSession,
} from '../../../src/links/hooks/kernel-probes/kprobe-multi.ts'
import type { Program } from '../../../src/programs/program.ts'
import { KernelSymbols } from '../../../src/symbols/kallsyms.ts'
import { kprobeBlacklist, traceableFunctions } from '../../../src/symbols/traceable.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { callTestFunctions, Recorder } from '../../support/links/recorder.ts'
import { lacking } from '../../support/programs/features.ts'

const needs = [features.kprobeMulti]
const load = (recorder: Recorder): Program =>
  recorder.load({ type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' })

/** The kernel's functions, counted by name. */
function functionCounts(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { name } of KernelSymbols.read().functions()) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

const traceableNames = (): Set<string> => new Set(traceableFunctions().map(({ name }) => name))

function first(names: Iterable<string>, fits: (name: string) => boolean): string {
  for (const name of names) if (fits(name)) return name
  throw new Error('no such function exists')
}

kernelTest('a function that does not exist', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  t.throws(() => kprobeMulti(program, { symbols: ['bpf_fentry_test1', 'ebpf_ts_no_such_function'] }), {
    code: 'ESRCH',
    message:
      /^Cannot attach program recorder to many functions: .*ESRCH.*: the kernel has no symbol ebpf_ts_no_such_function: no such function exists, or the compiler inlined it/,
  })
  callTestFunctions()
  t.is(recorder.hits, 0)
})

kernelTest('functions that do not exist among thousands are named, and counted', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const counts = functionCounts()
  const existing = [...traceableNames()].filter(name => counts.get(name) === 1).slice(0, 2000)
  const symbols = [...existing, 'ebpf_ts_missing_1', 'ebpf_ts_missing_2', 'ebpf_ts_missing_3']
  t.throws(() => kprobeMulti(program, { symbols }), {
    code: 'ESRCH',
    message: /no symbol ebpf_ts_missing_1: .* \(and 2 more of 2003\)$/,
  })
})

kernelTest('a function of which the compiler made others', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const counts = functionCounts()
  const variant = first(counts.keys(), name => {
    const base = /^(\w+)\.(?:isra|constprop|part)\.\d+$/.exec(name)?.[1]
    return base !== undefined && !counts.has(base)
  })
  const [base = ''] = variant.split('.')
  const error = t.throws(() => kprobeMulti(program, { symbols: [base] }), { code: 'ESRCH' })
  t.true(error.message.includes(`the kernel has no symbol ${base}: the compiler inlined it or made other`))
  t.true(error.message.includes(variant), error.message)
})

kernelTest('a name that several functions have', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const seen = new Set<string>()
  const counts = functionCounts()
  const { name } = traceableFunctions().find(each => {
    if (seen.has(each.name)) return true
    seen.add(each.name)
    return false
  })!
  t.throws(() => kprobeMulti(program, { symbols: ['bpf_fentry_test1', name] }), {
    code: 'EADDRNOTAVAIL',
    message: `Cannot attach program recorder to many functions: ${counts.get(name)} functions are called ${name} (in ${placesOf(name)}): give addresses`,
  })
  using link = kprobeMulti(program, {
    addresses: KernelSymbols.read()
      .find(name)
      .map(each => each.address),
  })
  t.is(link.count, counts.get(name)!)
})

const placesOf = (name: string): string =>
  KernelSymbols.read()
    .find(name)
    .map(({ module }) => module ?? 'the kernel itself')
    .join(', ')

kernelTest('a function that is marked notrace', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const traceable = traceableNames()
  const counts = functionCounts()
  const name = first(
    counts.keys(),
    each => /^(rcu|sched_clock)\w+$/.test(each) && counts.get(each) === 1 && !traceable.has(each),
  )
  t.throws(() => kprobeMulti(program, { symbols: [name] }), {
    code: 'ESRCH',
    message: new RegExp(`: ${name} cannot be traced: it is marked notrace`),
  })
  const pattern = new RegExp(name)
  t.throws(() => kprobeMulti(program, { pattern }), {
    code: 'ENOENT',
    message: new RegExp(`1 match but none can be attached to, such as ${name} \\((notrace|blacklisted)\\)`),
  })
})

kernelTest('a function on the blacklist', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const name = 'get_kprobe'
  t.true(kprobeBlacklist().has(name))
  t.throws(() => kprobeMulti(program, { pattern: name }), {
    code: 'ENOENT',
    message: `Cannot attach program recorder to many functions: 1 match but none can be attached to, such as ${name} (blacklisted) ${name}`,
  })
})

kernelTest('a pattern that nothing matches', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  t.throws(() => kprobeMulti(program, { pattern: 'ebpf_ts_no_such_*' }), {
    code: 'ENOENT',
    message: 'Cannot attach program recorder to many functions: no function matches ebpf_ts_no_such_*',
  })
  t.throws(() => kprobeMulti(program, { pattern: '' }), { code: 'ERR_INVALID_PATTERN' })
})

kernelTest('an address that is not the start of a function', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  const [symbol] = KernelSymbols.read().find('bpf_fentry_test1')
  const address = symbol!.address + 17n
  t.throws(() => kprobeMulti(program, { addresses: [address] }), {
    message: new RegExp(`: 0x${address.toString(16)} is bpf_fentry_test1\\+17, not the start of a function$`),
  })
})

kernelTest('a program without the attach type', [...needs, features.kprobeSession], t => {
  using recorder = new Recorder()
  const options = { symbols: ['bpf_fentry_test1'] }
  using plain = recorder.load({ type: 'kprobe' })
  using multi = load(recorder)
  using session = recorder.load({ type: 'kprobe', expectedAttachType: 'trace_kprobe_session' })
  const refused = (attachType: string): { code: string; message: RegExp } => ({
    code: 'ERR_ATTACH_TYPE',
    message: new RegExp(`: it must be loaded with expectedAttachType '${attachType}', not with`),
  })
  t.throws(() => kprobeMulti(plain, options), refused('trace_kprobe_multi'))
  t.throws(() => kprobeMulti(session, options), refused('trace_kprobe_multi'))
  t.throws(() => kprobeSession(multi, options), refused('trace_kprobe_session'))
})

const symbols = ['bpf_fentry_test1', 'bpf_fentry_test2']
const contradictions: readonly [string, KprobeMultiOptions, RegExp][] = [
  ['nothing', {}, /give one of symbols, addresses and pattern$/],
  ['two kinds of targets', { symbols, pattern: '*' }, /give one of symbols, addresses and pattern$/],
  ['no symbols', { symbols: [] }, /the list is empty$/],
  ['a symbol twice', { symbols: ['x', 'x'] }, /x is given twice$/],
  ['an address twice', { addresses: [16n, 16n] }, /0x10 is given twice$/],
  ['too few cookies', { symbols, cookies: [1n] }, /1 cookies for 2 functions$/],
  ['cookies of a pattern', { pattern: '*', cookies: [1n] }, /cookies need symbols or addresses/],
  ['a cookie that is too large', { symbols, cookies: [1n, 1n << 64n] }, /is not an unsigned 64-bit number$/],
  ['a unique match without a pattern', { symbols, uniqueMatch: true }, /uniqueMatch needs a pattern$/],
]
for (const [name, options, message] of contradictions) {
  kernelTest(`options that contradict each other: ${name}`, [], t => {
    using recorder = new Recorder()
    using program = recorder.load({ type: 'kprobe' })
    const error = t.throws(() => kprobeMulti(program, options), { message })
    t.true(error instanceof TypeError || error instanceof RangeError)
  })
}

kernelTest('a kernel without kprobe_multi says what to use instead', [lacking(features.kprobeMulti)], t => {
  using recorder = new Recorder()
  using program = recorder.load({ type: 'kprobe' })
  t.throws(() => kprobeMulti(program, { pattern: 'vfs_*' }), {
    code: 'ERR_NOT_SUPPORTED',
    message:
      /^A kprobe_multi link is not supported by this kernel( \(needs Linux 5\.18 or later\)|; Linux has it since 5\.18, but not in the configuration or on the architecture of this kernel \(.*\)); kprobe\(\) attaches to one function, fallback: 'kprobe' to each of many/,
  })
})

kernelTest('a kernel without sessions says what to use instead', [lacking(features.kprobeSession)], t => {
  using recorder = new Recorder()
  using program = recorder.load({ type: 'kprobe' })
  t.throws(() => kprobeSession(program, { pattern: 'vfs_*' }), {
    code: 'ERR_NOT_SUPPORTED',
    message:
      /^A kprobe session is not supported .*; kprobeMulti\(\) attaches a program to the entry of functions/,
  })
})
