import assert from 'node:assert/strict'
import test from 'ava'
import { mov } from '../../../../src/asm/alu.ts'
import { call, loadImm64 } from '../../../../src/asm/calls.ts'
import { r1 } from '../../../../src/asm/registers.ts'
import { BpfError } from '../../../../src/base/errors.ts'
import type { ExternSpec } from '../../../../src/programs/extern-spec.ts'
import { resolveExterns } from '../../../../src/programs/passes/externs.ts'
import { KernelExterns } from '../../../../src/programs/passes/kernel-externs.ts'
import { Poisons } from '../../../../src/programs/passes/poison.ts'
import { KernelSymbols } from '../../../../src/symbols/kallsyms.ts'

/** Resolves `r1 = symbol` in a kernel with some symbols, in the format of `/proc/kallsyms`. */
function addressOf(name: string, kallsyms: string, { weak = false, addend = 0 } = {}): number | bigint {
  const extern: ExternSpec = { kind: 'ksym', name, essentialName: name, weak, typeId: 0 }
  using externs = new KernelExterns(
    new Map([[name, extern]]),
    undefined,
    () => new KernelSymbols(new TextEncoder().encode(kallsyms)),
  )
  const load = { ...loadImm64(r1, 0), reference: { kind: 'extern', name, addend } as const }
  const [resolved] = resolveExterns([load], { externs, poisons: new Poisons() })
  const { imm, ...rest } = resolved!
  // A plain load, of nothing that is a descriptor or an id.
  assert.deepEqual({ ...rest, imm: 0n }, loadImm64(r1, 0))
  return imm
}

const KALLSYMS = `ffffffff81000000 T _text
ffffffff81000010 t twice
ffffffff81000020 t twice
ffffffff81000030 t same
ffffffff81000030 t same	[module]
0000000000000000 A percpu
`
/** The same for who may not see addresses. */
const HIDDEN = KALLSYMS.replaceAll(/^\w{16}/gm, '0'.repeat(16))

test('a symbol without a type is its address', t => {
  t.is(addressOf('_text', KALLSYMS), 0xffff_ffff_8100_0000n)
  t.is(addressOf('_text', KALLSYMS, { addend: 8 }), 0xffff_ffff_8100_0008n)
  t.is(addressOf('same', KALLSYMS), 0xffff_ffff_8100_0030n)
  t.is(addressOf('percpu', KALLSYMS), 0n)
})

test('a missing symbol is 0 when it is weak, else an error', t => {
  t.is(addressOf('_tex', KALLSYMS, { weak: true }), 0n)
  t.throws(() => addressOf('_tex', KALLSYMS), {
    instanceOf: BpfError,
    code: 'ERR_UNRESOLVED',
    message: 'the kernel has no symbol _tex',
  })
})

for (const weak of [false, true]) {
  const what = weak ? 'a weak symbol' : 'a symbol'
  test(`${what} at two addresses is ambiguous`, t => {
    t.throws(() => addressOf('twice', KALLSYMS, { weak }), {
      code: 'ERR_UNRESOLVED',
      message: 'symbol twice is ambiguous: it is at 0xffffffff81000010 and 0xffffffff81000020',
    })
  })

  test(`${what} that the kernel hides is an error, not address 0`, t => {
    t.throws(() => addressOf('_text', HIDDEN, { weak }), {
      code: 'ERR_UNRESOLVED',
      message:
        'the kernel hides the address of _text from this process: set kernel.kptr_restrict to 0 or 1, and have CAP_SYSLOG',
    })
  })
}

test('a call of what is not a function is poisoned', t => {
  const extern: ExternSpec = { kind: 'ksym', name: '_text', essentialName: '_text', weak: false, typeId: 0 }
  using externs = new KernelExterns(
    new Map([['_text', extern]]),
    undefined,
    () => new KernelSymbols(new TextEncoder().encode(KALLSYMS)),
  )
  const poisons = new Poisons()
  const reference = { kind: 'extern', name: '_text', addend: 0 } as const
  const program = [loadImm64(r1, 0), { ...call(1), reference, symbol: 'f' }]
  const [first, second] = resolveExterns(program, { externs, poisons })
  t.is(first, program[0])
  t.deepEqual(second, { ...call(2_002_000_000), symbol: 'f' })
  const log = 'invalid func unknown#2002000000'
  t.is(poisons.explain(log), 'it calls _text, but it is not a function')
})

test('a number of 32 bits is put into an instruction', t => {
  const extern: ExternSpec = {
    kind: 'undefined',
    name: 'OFFSET',
    essentialName: 'OFFSET',
    weak: false,
    typeId: 0,
    reason: 'nothing defines OFFSET',
  }
  const resolved = (value: bigint | undefined, weak = false): number | bigint => {
    const defined = new Map(value === undefined ? [] : [['OFFSET', value]])
    const known = new Map([['OFFSET', { ...extern, weak }]])
    using externs = new KernelExterns(known, undefined, () => t.fail() as never, defined)
    const reference = { kind: 'extern', name: 'OFFSET', addend: 4 } as const
    return resolveExterns([{ ...mov(r1, 4), reference }], { externs, poisons: new Poisons() })[0]!.imm
  }
  t.is(resolved(8n), 12)
  t.is(resolved(-8n), -4)
  t.is(resolved(0xffff_fff0n), -12)
  t.is(resolved(undefined, true), 4)
  t.throws(() => resolved(undefined), { code: 'ERR_UNRESOLVED', message: 'nothing defines OFFSET' })
  for (const value of [1n << 32n, -(1n << 32n)]) {
    t.throws(() => resolved(value), {
      instanceOf: BpfError,
      code: 'ERR_UNRESOLVED',
      message: 'Cannot put OFFSET into an instruction: it is not a number of 32 bits',
    })
  }
})

test('a program without externs is given back', t => {
  using externs = new KernelExterns(new Map(), undefined, () => t.fail() as never)
  const program = [loadImm64(r1, 0)]
  t.is(resolveExterns(program, { externs, poisons: new Poisons() }), program)
})

test('what nothing defines has the reason, and the address that the caller gives it', t => {
  const x: ExternSpec = {
    kind: 'undefined',
    name: 'x',
    essentialName: 'x',
    weak: false,
    typeId: 0,
    reason: 'nothing defines x',
  }
  const noSymbols = (): never => t.fail() as never
  const of = (extern: ExternSpec): Map<string, ExternSpec> => new Map([['x', extern]])
  using externs = new KernelExterns(of(x), undefined, noSymbols)
  t.throws(() => externs.find('x'), {
    instanceOf: BpfError,
    code: 'ERR_UNRESOLVED',
    message: 'nothing defines x',
  })
  using weak = new KernelExterns(of({ ...x, weak: true }), undefined, noSymbols)
  t.deepEqual(weak.find('x'), { missing: 'nothing defines x' })
  using defined = new KernelExterns(of(x), undefined, noSymbols, new Map([['x', 5n]]))
  t.deepEqual(defined.find('x'), { address: 5n })
})
