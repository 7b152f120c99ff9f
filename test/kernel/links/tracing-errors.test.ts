import { BPF_F_SLEEPABLE } from '../../../src/abi/constants.ts'
import { attachTypeSince } from '../../../src/abi/since.ts'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import type { BtfFunc, BtfFuncProto } from '../../../src/btf/types.ts'
import { kernelBtf } from '../../../src/kernel/btf.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { rawTracepoint } from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { tpBtf } from '../../../src/links/hooks/kernel-probes/tp-btf.ts'
import { fentry } from '../../../src/links/hooks/tracing/fentry.ts'
import { fexit } from '../../../src/links/hooks/tracing/fexit.ts'
import { fmodRet } from '../../../src/links/hooks/tracing/fmod-ret.ts'
import { lsm } from '../../../src/links/hooks/tracing/lsm.ts'
import type { Link } from '../../../src/links/link.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { KernelSymbols } from '../../../src/symbols/kallsyms.ts'
import { traceableFunctions } from '../../../src/symbols/traceable.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { callTestFunctions, Recorder } from '../../support/links/recorder.ts'
import { lacking, since } from '../../support/programs/features.ts'

const needs = [features.trampoline]

/** Loads a program; by default for the entry of a function that only test runs call. */
function load(recorder: Recorder, spec: Partial<ProgramSpec> = {}): Program {
  return recorder.load({
    type: 'tracing',
    expectedAttachType: 'trace_fentry',
    attachTarget: 'bpf_fentry_test1',
    ...spec,
  })
}

/** Facts of the kernel's functions, to find those that are refused. */
class Functions {
  readonly symbols = new Map<string, number>()
  readonly traceable = new Map<string, number>()

  constructor() {
    for (const { name, module } of KernelSymbols.read().functions()) {
      if (module !== 'bpf') this.symbols.set(name, (this.symbols.get(name) ?? 0) + 1)
    }
    for (const { name } of traceableFunctions()) this.traceable.set(name, (this.traceable.get(name) ?? 0) + 1)
  }

  /** Number of arguments of a function that BTF has. */
  argumentsOf(name: string): number | undefined {
    const id = kernelBtf().find(name, 'func')
    if (id === undefined) return undefined
    const { type } = kernelBtf().type(id) as BtfFunc
    return (kernelBtf().type(type) as BtfFuncProto).params.length
  }

  /** The first function that one symbol and, if it can be traced, one trace site belong to. */
  find(fits: (name: string, traceable: boolean) => boolean): string | undefined {
    for (const [name, count] of this.symbols) {
      if (count === 1 && fits(name, this.traceable.get(name) === 1)) return name
    }
    return undefined
  }
}

kernelTest('a program of another type that names the attach type', [features.tracingLink], t => {
  const instructions = [mov(r0, 0), exit()]
  using program = Program.load({
    name: 'p',
    type: 'kprobe',
    expectedAttachType: 'trace_fentry',
    instructions,
  })
  t.throws(() => fentry(program), {
    code: 'ERR_PROGRAM_TYPE',
    message: /: the program is of type kprobe, and trace_fentry takes tracing$/,
  })
})

const multi = since(attachTypeSince.trace_fentry_multi, 'A program for many functions')

kernelTest('a program for many functions, on a kernel without them', [lacking(multi)], t => {
  using recorder = new Recorder()
  const spec = { expectedAttachType: 'trace_fentry_multi', attachTarget: 'bpf_fentry_*' } as const
  const explanation = 'the kernel does not have attach type trace_fentry_multi, which came with Linux 7.2'
  const error = t.throws(() => load(recorder, spec), { instanceOf: VerifierError })
  t.is(error.explanation, explanation)
  t.true(error.message.includes(explanation))
})

kernelTest('a program for many functions is loaded without a function', [...needs, multi], t => {
  using recorder = new Recorder()
  for (const attachTarget of ['bpf_fentry_*', 'vmlinux:bpf_fentry_*', '']) {
    using program = load(recorder, { expectedAttachType: 'trace_fentry_multi', attachTarget })
    t.is(program.type, 'tracing')
  }
})

kernelTest('a program for many functions of a module that is not loaded', [], t => {
  using recorder = new Recorder()
  const spec = { expectedAttachType: 'trace_fexit_multi', attachTarget: 'no_such_module:f*' } as const
  t.throws(() => load(recorder, spec), {
    code: 'ENOENT',
    message: /: module no_such_module is not loaded, or has no BTF$/,
  })
})

kernelTest('a function that does not exist', needs, t => {
  using recorder = new Recorder()
  t.throws(() => load(recorder, { attachTarget: 'ebpf_ts_no_such' }), {
    code: 'ENOENT',
    message:
      /^Cannot load program recorder: the kernel's BTF has no func ebpf_ts_no_such: the kernel has no symbol ebpf_ts_no_such: no such function exists, or the compiler inlined it/,
  })
})

kernelTest('a function of a module that is not loaded', needs, t => {
  using recorder = new Recorder()
  t.throws(() => load(recorder, { attachTarget: 'ebpf_ts_module:ebpf_ts_no_such' }), {
    code: 'ENOENT',
    message:
      features.moduleBtf.probe() === 'no'
        ? /the BTF of ebpf_ts_module has no func ebpf_ts_no_such: BTF of modules, such as ebpf_ts_module, needs Linux 5\.11$/
        : /the BTF of ebpf_ts_module has no func ebpf_ts_no_such: module ebpf_ts_module is not loaded, or has no BTF$/,
  })
})

kernelTest('a function of which the compiler made others', needs, t => {
  using recorder = new Recorder()
  const functions = new Functions()
  const bases = [...functions.symbols.keys()].map(
    name => /^(\w+)\.(?:isra|constprop|part)\.\d+$/.exec(name)?.[1],
  )
  const base = bases.find(
    each => each !== undefined && !functions.symbols.has(each) && functions.argumentsOf(each) === undefined,
  )
  t.throws(() => load(recorder, { attachTarget: base! }), {
    code: 'ENOENT',
    message: new RegExp(`: the compiler inlined it or made other functions of it: .*${base}\\.`),
  })
})

kernelTest('a function without BTF', needs, t => {
  using recorder = new Recorder()
  const functions = new Functions()
  const name = functions.find((each, traceable) => traceable && functions.argumentsOf(each) === undefined)
  t.throws(() => load(recorder, { attachTarget: name! }), {
    code: 'ENOENT',
    message: new RegExp(
      `the kernel's BTF has no func ${name}: the kernel has a symbol of that name, but no type of it`,
    ),
  })
})

kernelTest('a function that is marked notrace', needs, t => {
  using recorder = new Recorder()
  const functions = new Functions()
  const name = functions.find(
    (each, traceable) =>
      /^rcu_|^ktime_|^sched_clock/.test(each) && !traceable && functions.argumentsOf(each) !== undefined,
  )
  t.not(name, undefined)
  using program = load(recorder, { attachTarget: name! })
  t.throws(() => fentry(program), {
    message: new RegExp(`: ${name} cannot be traced: it is marked notrace`),
  })
})

kernelTest('more arguments than the verifier allows', needs, t => {
  using recorder = new Recorder()
  const functions = new Functions()
  const name = functions.find((each, traceable) => traceable && (functions.argumentsOf(each) ?? 0) > 12)
  t.not(name, undefined)
  t.throws(() => load(recorder, { attachTarget: name! }), {
    instanceOf: VerifierError,
    message: new RegExp(`The function ${name} has \\d+ arguments. Too many.`),
  })
})

kernelTest('more arguments than the trampoline of the architecture passes', needs, t => {
  using recorder = new Recorder()
  const functions = new Functions()
  const name = functions.find((each, traceable) => {
    const count = functions.argumentsOf(each) ?? 0
    return traceable && count > 8 && count <= 12
  })
  t.not(name, undefined)
  // How many arguments are too many depends on kernel and architecture: where it is not refused, it works.
  try {
    using program = load(recorder, { attachTarget: name! })
    using link = fentry(program)
    t.is(link.info().type, 'tracing')
  } catch (error) {
    const { message } = error as Error
    if (error instanceof VerifierError) t.regex(message, new RegExp(`The function ${name} (has|arg)`))
    else t.regex(message, /ENOTSUPP\): trampolines of this kernel and architecture cannot pass the arguments/)
  }
})

kernelTest('a program that is attached already', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  using link = fentry(program)
  t.throws(() => fentry(program), {
    message:
      /^Cannot attach program recorder to the entry of its function: .*(EBUSY\): the program is attached to it already, or|ENOENT\): the program was attached before, and this kernel attaches it only once)/,
  })
  callTestFunctions()
  t.is(recorder.hits, 1)
  link.close()
})

kernelTest('a function with all the programs that a trampoline calls', needs, t => {
  using recorder = new Recorder()
  const objects: (Program | Link)[] = []
  t.teardown(() => {
    for (const each of objects.reverse()) each.close()
  })
  const error = t.throws(() => {
    for (let i = 0; i < 64; i++) {
      const program = load(recorder)
      objects.push(program)
      objects.push(fentry(program))
    }
  })
  t.like(error, { code: 'E2BIG' })
  t.regex(error.message, /the function has as many programs as a trampoline can call$/)
  t.true(objects.length > 2 * 30, `${objects.length}`)
  callTestFunctions()
  t.is(recorder.hits, (objects.length - 1) / 2)
})

kernelTest('a program that was loaded for another hook', needs, t => {
  using recorder = new Recorder()
  using entry = load(recorder)
  using exit = load(recorder, { expectedAttachType: 'trace_fexit' })
  using plain = recorder.load({ type: 'kprobe' })
  const refused = (target: string, wanted: string, loaded: string): { code: string; message: string } => ({
    code: 'ERR_ATTACH_TYPE',
    message: `Cannot attach program recorder to ${target}: it must be loaded with expectedAttachType '${wanted}', not ${loaded}`,
  })
  t.throws(() => fentry(exit), refused('the entry of its function', 'trace_fentry', "with 'trace_fexit'"))
  t.throws(() => fexit(entry), refused('the return of its function', 'trace_fexit', "with 'trace_fentry'"))
  const ofType = (type: string, wanted: string): { code: string; message: RegExp } => ({
    code: 'ERR_PROGRAM_TYPE',
    message: new RegExp(`: the program is of type ${type}, and ${wanted}$`),
  })
  t.throws(() => fmodRet(plain), ofType('kprobe', 'modify_return takes tracing'))
  t.throws(() => lsm(entry), ofType('tracing', 'lsm_mac takes lsm'))
  t.throws(() => tpBtf(entry), refused('its tracepoint', 'trace_raw_tp', "with 'trace_fentry'"))
  callTestFunctions()
  t.is(recorder.hits, 0)
})

kernelTest(
  'a program of which only the kernel knows what it was loaded for',
  [...needs, features.tracingLink],
  t => {
    using recorder = new Recorder()
    using program = load(recorder, { expectedAttachType: 'trace_fexit' })
    using opened = Program.fromId(program.info().id)
    t.throws(() => fentry(opened), {
      code: 'ERR_ATTACH_TYPE',
      message: /to the entry of its function: it must be loaded with expectedAttachType 'trace_fentry'$/,
    })
    using _link = fexit(opened)
    callTestFunctions()
    t.is(recorder.hits, 1)
  },
)

kernelTest('a program without the attach type', [], t => {
  using recorder = new Recorder()
  t.throws(() => recorder.load({ type: 'tracing', attachTarget: 'bpf_fentry_test1' }), {
    code: 'ERR_INVALID_SPEC',
    message:
      /^Cannot load program recorder: set expectedAttachType to one of trace_fentry, trace_fexit, .*; it has none$/,
  })
  t.throws(() => load(recorder, { expectedAttachType: 'xdp' }), {
    code: 'ERR_INVALID_SPEC',
    message: /; not xdp$/,
  })
})

kernelTest('a program without a target', [], t => {
  using recorder = new Recorder()
  t.throws(() => load(recorder, { attachTarget: '' }), {
    code: 'ERR_NO_TARGET',
    message: 'Cannot load program recorder: it has no attach target; set attachTarget',
  })
})

kernelTest('a return value that may not be modified', needs, t => {
  using recorder = new Recorder()
  const spec = { expectedAttachType: 'modify_return', attachTarget: 'do_nanosleep' } as const
  t.throws(() => load(recorder, spec), {
    instanceOf: VerifierError,
    message: /do_nanosleep\(\) is not modifiable/,
  })
})

kernelTest('a function that may not sleep', needs, t => {
  using recorder = new Recorder()
  t.throws(() => load(recorder, { flags: BPF_F_SLEEPABLE, attachTarget: 'do_nanosleep' }), {
    instanceOf: VerifierError,
    message: /sleepable/,
  })
})

kernelTest('a cookie that the kernel cannot keep', [...needs, lacking(features.tracingLink)], t => {
  using recorder = new Recorder()
  using program = load(recorder)
  t.throws(() => fentry(program, { cookie: 1n }), {
    code: 'ERR_NOT_SUPPORTED',
    message:
      'Attaching program recorder to the entry of its function with a cookie is not supported by this kernel (needs Linux 6.0 or later)',
  })
})

kernelTest('a raw tracepoint refuses programs of other types', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder)
  t.throws(() => rawTracepoint(program, 'sched_switch'), {
    code: 'ERR_PROGRAM_TYPE',
    message: /: the program is of type tracing, and the hook raw_tracepoint takes raw_tracepoint or/,
  })
})

kernelTest(
  'a function of a module, on a kernel without BTF of modules',
  [...needs, lacking(features.moduleBtf)],
  t => {
    using recorder = new Recorder()
    const counts = new Map<string, number>()
    const functions = [...KernelSymbols.read().functions()]
    for (const { name } of functions) counts.set(name, (counts.get(name) ?? 0) + 1)
    const traceable = new Set(traceableFunctions().map(({ name }) => name))
    const found = functions.find(
      ({ name, module }) =>
        module !== undefined && module !== 'bpf' && counts.get(name) === 1 && traceable.has(name),
    )
    if (found === undefined) {
      t.pass('no module is loaded')
      return
    }
    t.throws(() => load(recorder, { attachTarget: found.name }), {
      code: 'ENOENT',
      message: new RegExp(`: BTF of modules, such as ${found.module}, needs Linux 5\\.11$`),
    })
  },
)
