import assert from 'node:assert/strict'
import test from 'ava'
import { loadImm64 } from '../../../src/asm/calls.ts'
import { r1 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { KernelExterns } from '../../../src/collection/ksyms.ts'
import type { ExternSpec } from '../../../src/elf/externs.ts'
import { KernelSymbols } from '../../../src/symbols/kallsyms.ts'
import { objectSpec } from '../../support/objects.ts'

/** Resolves `r1 = symbol` in a kernel with some symbols, in the format of `/proc/kallsyms`. */
function addressOf(name: string, kallsyms: string, { weak = false, addend = 0 } = {}): number | bigint {
  const extern: ExternSpec = { kind: 'ksym', name, essentialName: name, weak, typeId: 0 }
  using externs = new KernelExterns(
    new Map([[name, extern]]),
    undefined,
    () => new KernelSymbols(new TextEncoder().encode(kallsyms)),
  )
  const load = { ...loadImm64(r1, 0), reference: { kind: 'extern', name, addend } as const }
  const { instructions } = externs.resolve([load])
  const { imm, ...rest } = instructions[0]!
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

test('a copy of a spec has its externs, and can do without one alone', t => {
  const spec = objectSpec('kfuncs')
  const copy = spec.copy()
  t.deepEqual([...copy.externs], [...spec.externs])
  copy.externs.set('no_such_kfunc', { ...copy.externs.get('no_such_kfunc'), weak: false })
  t.true(spec.externs.get('no_such_kfunc').weak)
})

test('the value of an option cannot be set in a spec', t => {
  t.throws(() => objectSpec('externs').variables.get('CONFIG_HZ').set(1), {
    instanceOf: BpfError,
    code: 'ERR_READ_ONLY',
  })
})
