import type { ExecutionContext, ThrowsExpectation } from 'ava'
import { commands } from '../../../src/abi/generated/enums.ts'
import { add, mov } from '../../../src/asm/alu.ts'
import { exit, jgt } from '../../../src/asm/jumps.ts'
import { load, store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r4 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { enableStats, Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { nr } from '../../../src/syscalls/numbers.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject, PACKET, runOnce } from '../../support/objects.ts'
import { netfilterPrograms, since } from '../../support/programs/features.ts'

/** Returns 7 whatever it is given. */
const seven: ProgramSpec = { name: 'seven', type: 'socket_filter', instructions: [mov(r0, 7), exit()] }

kernelTest('a program is found by id, in the list, and by its pin', [], t => {
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/seven`
  const program = Program.load(seven)
  const { id } = program
  t.is(id, program.info().id)
  t.deepEqual([program.name, program.type, program.spec], ['seven', 'socket_filter', seven])

  using byId = Program.fromId(id)
  t.deepEqual([byId.name, byId.type, byId.spec], ['seven', 'socket_filter', undefined])
  let listed = 0
  for (const each of Program.list()) {
    if (each.info().id === id) listed++
    each.close()
  }
  t.is(listed, 1)

  program.pin(path)
  t.throws(() => program.pin(path), { code: 'EEXIST', message: /^Cannot pin program seven at / })
  program.close()
  byId.close()
  using pinned = Program.loadPinned(path)
  t.is(pinned.info().id, id)
  t.is(runOnce(pinned), 7)
  pinned.unpin(path)
  t.throws(() => Program.loadPinned(path), { code: 'ENOENT' })
})

/** Lets the next calls of a `bpf(2)` command fail as if signals had come; counts all that are made. */
function interrupt(
  t: ExecutionContext,
  command: keyof typeof commands,
  errno: number,
  times: number,
): { calls: number } {
  const entry = syscallEntry()
  const { syscall, syscallAsync } = entry
  t.teardown(() => Object.assign(entry, { syscall, syscallAsync }))
  const count = { calls: 0 }
  const fails = (number: number, actual?: number): boolean =>
    number === nr.bpf && actual === commands[command] && ++count.calls <= times
  entry.syscall = (number, ...args) => (fails(number, args[0]) ? -errno : syscall(number, ...args))
  entry.syscallAsync = async (number, ...args) =>
    fails(number, args[0]) ? -errno : syscallAsync(number, ...args)
  return count
}

for (const [code, errno] of [
  ['EAGAIN', 11],
  ['EINTR', 4],
] as const) {
  kernelTest(`a load that a signal interrupts is tried again: ${code}`, [], async t => {
    const sync = interrupt(t, 'prog_load', errno, 4)
    using program = Program.load(seven)
    t.is(runOnce(program), 7)
    t.is(sync.calls, 5)
    const async = interrupt(t, 'prog_load', errno, 4)
    using other = await Program.loadAsync(seven)
    t.is(runOnce(other), 7)
    t.is(async.calls, 5)
  })

  kernelTest(`a load that is interrupted again and again fails: ${code}`, [], async t => {
    const { message } = t.throws(() => {
      interrupt(t, 'prog_load', errno, Number.POSITIVE_INFINITY)
      Program.load(seven)
    })
    t.true(message.startsWith('Cannot load program seven: '), message)
    await t.throwsAsync(Program.loadAsync(seven), { instanceOf: BpfError, code })
  })

  kernelTest(`a test run that signals interrupt is tried again, but not for ever: ${code}`, [], t => {
    using program = Program.load(seven)
    const few = interrupt(t, 'prog_run', errno, 3)
    t.is(runOnce(program), 7)
    t.is(few.calls, 4)
    const many = interrupt(t, 'prog_run', errno, Number.POSITIVE_INFINITY)
    t.throws(() => runOnce(program), { code, message: /^Cannot run program seven: / })
    t.is(many.calls, 100)
  })
}

kernelTest('a closed program throws, and can be closed again', [], t => {
  const program = Program.load(seven)
  program.close()
  program.close()
  t.true(program.closed)
  for (const use of [() => program.fd, () => program.info(), () => program.testRun({ data: PACKET })]) {
    t.throws(use, { instanceOf: BpfError, code: 'ERR_CLOSED', message: 'program seven is closed' })
  }
})

kernelTest('names are cut to what the kernel keeps', [], t => {
  using program = Program.load({ ...seven, name: 'a_name_that_is_longer' })
  t.is(program.name, 'a_name_that_is_longer')
  t.is(program.info().name, 'a_name_that_is_')
})

kernelTest('a program holds the maps it is bound to', [], t => {
  using program = Program.load(seven)
  using map = BpfMap.create({ name: 'm', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 })
  t.deepEqual(program.info().mapIds, [])
  program.bindMap(map)
  t.deepEqual(program.info().mapIds, [map.id])
})

kernelTest('statistics count runs while they are enabled', [], t => {
  using program = Program.load(seven)
  using _ = enableStats()
  for (let i = 0; i < 3; i++) runOnce(program)
  t.is(program.info().runCount, 3n)
})

/** Writes 0x42 into the first byte of the packet; XDP_PASS. */
const stamp: ProgramSpec = {
  name: 'stamp',
  type: 'xdp',
  instructions: [
    mov(r0, 2),
    load('u32', r2, r1, 0),
    load('u32', r3, r1, 4),
    mov(r4, r2),
    add(r4, 1),
    jgt(r4, r3, 1),
    store('u8', r2, 0, 0x42),
    exit(),
  ],
}

kernelTest('a test run gives back the data as the program left it', [], t => {
  using program = Program.load(stamp)
  const data = Uint8Array.from({ length: 60 }, (_, i) => i)
  const result = program.testRun({ data })
  t.is(result.returnValue, 2)
  t.deepEqual(result.data, data.with(0, 0x42))
  t.is(data[0], 0, 'the input stays as it is')
  t.is(result.context.length, 0)
})

/** Adds 1 to the mark, which is at offset 8 of the context. */
const mark: ProgramSpec = {
  name: 'mark',
  type: 'sched_cls',
  instructions: [load('u32', r0, r1, 8), add(r0, 1), store('u32', r1, 8, r0), exit()],
}

kernelTest('a test run gives back the context as the program left it', [], t => {
  using program = Program.load(mark)
  const context = new Uint8Array(192)
  context[8] = 41
  const result = program.testRun({ data: PACKET, context })
  t.is(result.returnValue, 42)
  t.is(result.context[8], 42)
  t.is(context[8], 41, 'the input stays as it is')
})

kernelTest('a test run is repeated, and returns what the last one did', [], t => {
  using collection = loadObject('data')
  const touch = collection.programs.get('touch')
  t.is(touch.testRun({ data: PACKET, repeat: 10 }).returnValue, 10)
  t.is(collection.variables.get('runs').get(), 10n)
})

kernelTest('a return value is an unsigned 32-bit number', [], t => {
  using program = Program.load({ ...mark, instructions: [mov(r0, -1), exit()] })
  t.is(program.testRun({ data: PACKET }).returnValue, 0xffff_ffff)
})

kernelTest('a packet must have a header', [since('6.1', 'A least size of test packets')], t => {
  using program = Program.load(stamp)
  const inval = {
    instanceOf: BpfError,
    code: 'EINVAL',
    message:
      /^Cannot run program stamp: Invalid argument \(EINVAL\): programs of type \w+ run on a packet of at least 14 bytes; data has \d+$/,
  }
  t.throws(() => program.testRun({ data: new Uint8Array(5) }), inval)
  for (const bytes of [64, { length: 64 }, [300], new ArrayBuffer(64), null] as never[]) {
    t.throws(() => program.testRun({ data: bytes }), { instanceOf: TypeError, message: /data is not a/ })
    t.throws(() => program.testRun({ context: bytes }), {
      instanceOf: TypeError,
      message: /context is not a/,
    })
  }
  t.throws(() => program.testRun(), inval)
})

kernelTest('a packet of netfilter programs begins with an IP header', [netfilterPrograms], t => {
  using program = Program.load({
    name: 'accept',
    type: 'netfilter',
    expectedAttachType: 'netfilter',
    license: 'GPL',
    instructions: [mov(r0, 1), exit()],
  })
  t.throws(() => program.testRun({ data: new Uint8Array(19) }), {
    code: 'EINVAL',
    message: /: programs of type netfilter run on a packet of at least 20 bytes; data has 19$/,
  })
  t.is(program.testRun({ data: Uint8Array.of(0x45, ...new Uint8Array(19)) }).returnValue, 1)
})

kernelTest('what a program cannot be run with is an error', [], t => {
  using program = Program.load(stamp)
  t.throws(() => program.testRun({ data: PACKET, dataOutSize: 10 }), { code: 'ENOSPC' })

  using kprobe = Program.load({ ...seven, type: 'kprobe' })
  t.throws(() => kprobe.testRun(), { instanceOf: BpfError, code: 'ENOTSUPP' })
  using collection = loadObject('sections', ['on_raw_tp'])
  t.throws(() => collection.programs.get('on_raw_tp').testRun({ repeat: 2 }), {
    code: 'EINVAL',
    message: /programs of type raw_tracepoint take neither data nor repeat, but a context$/,
  })
})

const refusals: readonly (readonly [
  what: string,
  change: Partial<ProgramSpec>,
  expected: ThrowsExpectation<Error>,
])[] = [
  [
    'no instructions',
    { instructions: [] },
    { code: 'ERR_INVALID_SPEC', message: 'Cannot load program seven: it has no instructions' },
  ],
  [
    'no type',
    { type: 'unspec', sectionName: 'odd' },
    {
      code: 'ERR_INVALID_SPEC',
      message:
        'Cannot load program seven (odd): the section name "odd" gives no program type; set `type` of its spec, or rename the section',
    },
  ],
  [
    'an unknown type',
    { type: 'no_such_type' as never },
    { instanceOf: RangeError, message: 'Unknown program type "no_such_type"' },
  ],
  [
    'a type that the kernel does not know',
    { type: 9999 },
    { code: 'EINVAL', message: /^Cannot load program seven: / },
  ],
  [
    'another byte order',
    { byteOrder: 'big' },
    {
      code: 'ERR_INVALID_SPEC',
      message:
        'Cannot load program seven: it was compiled for big-endian machines, this one is little-endian',
    },
  ],
  [
    'no attach target',
    { type: 'tracing', expectedAttachType: 'trace_raw_tp' },
    {
      code: 'ERR_NO_TARGET',
      message: 'Cannot load program seven: it has no attach target; set attachTarget',
    },
  ],
  [
    'a tracepoint that does not exist',
    { type: 'tracing', expectedAttachType: 'trace_raw_tp', attachTarget: 'no_such' },
    {
      code: 'ENOENT',
      message:
        "Cannot load program seven: the kernel has no tracepoint no_such: the kernel's BTF has no typedef btf_trace_no_such",
    },
  ],
  [
    'a function that does not exist',
    { type: 'tracing', expectedAttachType: 'trace_fentry', attachTarget: 'no_such' },
    {
      code: 'ENOENT',
      message: /^Cannot load program seven: the kernel's BTF has no func no_such: /,
    },
  ],
  [
    'a module that does not exist',
    { type: 'tracing', expectedAttachType: 'trace_fentry', attachTarget: 'no_such:vfs_read' },
    { code: 'ENOENT' },
  ],
]

for (const [what, change, expected] of refusals) {
  kernelTest(`a spec with ${what} is refused`, [], async t => {
    const spec: ProgramSpec = { ...seven, ...change }
    t.throws(() => Program.load(spec), expected)
    await t.throwsAsync(Program.loadAsync(spec), expected)
  })
}

kernelTest('a function that the target program does not have is named', [], t => {
  using collection = loadObject('functions', ['second'])
  const target = { attachProgram: collection.programs.get('second'), attachTarget: 'no_such' }
  t.throws(() => Program.load({ ...seven, ...target, type: 'ext' }), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message: 'Cannot load program seven: the target program has no function no_such',
  })
})
