import { readFileSync } from 'node:fs'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { objectWith } from '../../support/objects.ts'

/** Why each program of `broken` is refused, in the words of any kernel since 5.10, and the text of the line at fault. */
const refusals: Readonly<Record<string, readonly [reason: RegExp, line: string, instruction: RegExp]>> = {
  unchecked_lookup: [
    /R0 invalid mem access '(map_value_or_null|inv)'/,
    'return *(__u32 *)bpf_map_lookup_elem(&map, &key);',
    /^r0 = \*\(u32 \*\)\(r0 \+0\)$/,
  ],
  endless_loop: [/infinite loop detected|back-edge/, 'for (;;)', /^goto pc-1$/],
  unreleased_record: [/[Rr]eference|Unreleased/, 'return 0;', /^exit$/],
  outside_context: [
    /invalid bpf_context access off=4096 size=4/,
    'return *(__u32 *)((void *)skb + 4096);',
    /^r0 = \*\(u32 \*\)\(r1 \+4096\)$/,
  ],
  stack_out_of_bounds: [
    /invalid.* stack.* off=-520 size=8/,
    'asm volatile("*(u64 *)(r10 - 520) = r1" : : : "memory");',
    /^\*\(u64 \*\)\(r10 -520\) = r1$/,
  ],
  unbounded_index: [
    /unbounded|variable stack|invalid .*stack/,
    'return buffer[skb->len];',
    /^r\d = \*\(u8 \*\)\(r\d [+-]\d+\)$/,
  ],
  uninitialised_register: [/R5 !read_ok/, 'asm volatile("%0 = r5" : "=r"(result));', /^r0 = r5$/],
}

for (const [name, [reason, line, instruction]] of Object.entries(refusals)) {
  kernelTest(`a refusal names reason, source line and instruction: ${name}`, [], t => {
    const error = t.throws(() => Collection.load(objectWith('broken', [name])), {
      instanceOf: VerifierError,
    })
    const [summary = '', ...more] = error.message.split('\n')
    const cause = error.explanation === undefined ? [] : [`    cause: ${error.explanation}`]
    t.deepEqual(more.slice(0, cause.length), cause)
    const [place, at = ''] = more.slice(cause.length)
    t.true(summary.startsWith(`Cannot load program ${name} (?socket): ${error.code}: `), summary)
    t.regex(summary, reason)
    t.true(error.reason.length > 0)
    for (const each of error.reason) t.true(error.log.includes(each), each)

    const { source, slot } = error
    t.is(source?.text.trim(), line)
    t.is(place, `    at ${source?.file}:${source?.line}: ${line}`)
    const file = readFileSync('test/bpf/broken.bpf.c', 'utf8').split('\n')
    t.is(file[source!.line - 1]?.trim(), line)

    const [, shown] = /^ {4}instruction (\d+): /.exec(at) ?? []
    t.is(Number(shown), slot!)
    t.regex(at.slice(at.indexOf(': ') + 2), instruction)
    t.regex(error.log, /^processed \d+ insns/m, 'the log is whole')
    t.deepEqual([error.syscall, typeof error.errno], ['bpf(BPF_PROG_LOAD)', 'number'])
  })
}

kernelTest('a helper for GPL programs is refused to others', [], t => {
  t.throws(() => Collection.load(objectWith('proprietary', ['restricted'])), {
    instanceOf: VerifierError,
    code: 'EINVAL',
    message:
      /^Cannot load program restricted \(\?raw_tp\): EINVAL: cannot call GPL-restricted function from non-GPL compatible program\n {4}cause: the helper bpf_get_current_task is for programs with a license that is compatible with the GPL, and this one's is "\w+"\n {4}at .*proprietary\.bpf\.c:16: return bpf_get_current_task\(\) != 0;\n/,
  })
  const spec = objectWith('proprietary', ['restricted'])
  spec.programs.get('restricted').license = 'GPL'
  using collection = Collection.load(spec)
  t.true(collection.programs.get('restricted').info().gplCompatible)
})

kernelTest('a program says whether its license is compatible with the GPL', [], t => {
  using collection = Collection.load(objectWith('proprietary', ['unrestricted']))
  t.false(collection.programs.get('unrestricted').info().gplCompatible)
})

kernelTest('a refused program in the async load gives the same error', [], async t => {
  const spec = objectWith('broken', ['uninitialised_register'])
  const expected = t.throws(() => Collection.load(spec), { instanceOf: VerifierError })
  const error = await t.throwsAsync(Collection.loadAsync(spec), { instanceOf: VerifierError })
  t.is(error.message, expected.message)
  t.deepEqual(error.reason, expected.reason)
})

kernelTest('a load that succeeds has no log, unless one is asked for', [], async t => {
  const spec = objectWith('data', ['touch'])
  using quiet = Collection.load(spec)
  t.is(quiet.programs.get('touch').verifierLog, '')
  using statistics = Collection.load(spec, { logLevel: 4 })
  t.regex(statistics.programs.get('touch').verifierLog, /^processed \d+ insns/m)
})

kernelTest('the log grows until it is whole', [], async t => {
  const instructions = [...Array.from({ length: 300 }, (_, i) => mov(r0, i)), exit()]
  const spec: ProgramSpec = { name: 'long', type: 'socket_filter', instructions }
  const logOf = (logSize: number): string => {
    using program = Program.load(spec, { logLevel: 2, logSize })
    return program.verifierLog
  }
  const whole = logOf(1 << 20)
  t.true(whole.length > 300 * '000: (b7) r0 = 0\n'.length)
  t.regex(whole, /^0: \(b7\) r0 = 0/m)
  t.regex(whole, /^processed 301 insns/m)
  for (const logSize of [1, 128, 1000, whole.length, whole.length + 1]) {
    t.is(logOf(logSize), whole, `${logSize} bytes`)
  }
  using later = await Program.loadAsync(spec, { logLevel: 2, logSize: 128 })
  t.is(later.verifierLog, whole)
})

kernelTest('the log of a refusal is whole when its first buffer was small', [], t => {
  const spec = objectWith('broken', ['unbounded_index'])
  const whole = t.throws(() => Collection.load(spec), { instanceOf: VerifierError })
  const grown = t.throws(() => Collection.load(spec, { logSize: 1 }), { instanceOf: VerifierError })
  t.is(grown.message, whole.message)
  t.is(grown.log, whole.log)
})

kernelTest('a log must have a size', [], t => {
  for (const logSize of [0, -1, 1.5, Number.NaN, 2 ** 32]) {
    t.throws(() => Collection.load(objectWith('data', ['touch']), { logSize }), {
      instanceOf: RangeError,
      message: `Cannot load a program: logSize ${logSize} is not from 1 to 268435456`,
    })
  }
})
