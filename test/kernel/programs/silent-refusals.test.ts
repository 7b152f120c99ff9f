/** Programs that the kernel refuses without a word in the verifier's log: the error says what was found out. */

import { mov } from '../../../src/asm/alu.ts'
import { call, loadMap } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r2, r3 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { LoadOptions } from '../../../src/programs/load-options.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { since } from '../../support/programs/features.ts'

const nothing = (): Instruction[] => [mov(r0, 0), exit()]
const tailCall = (): Instruction[] => [loadMap(r2, 'jumps'), mov(r3, 0), call('tail_call'), ...nothing()]

function refused(spec: Partial<ProgramSpec>, options: LoadOptions = {}): BpfError {
  const whole: ProgramSpec = { name: 'p', type: 'xdp', license: 'GPL', instructions: nothing(), ...spec }
  try {
    Program.load(whole, options).close()
  } catch (error) {
    if (error instanceof BpfError) return error
    throw error
  }
  throw new Error('the program was loaded')
}

function jumps(): BpfMap {
  return BpfMap.create({ name: 'jumps', type: 'prog_array', keySize: 4, valueSize: 4, maxEntries: 2 })
}

kernelTest('a program array of another program type is named, with the type that it takes', [], t => {
  using array = jumps()
  using filter = Program.load({ name: 'f', type: 'socket_filter', instructions: nothing() })
  array.set(Uint8Array.of(0, 0, 0, 0), filter as never)
  const error = refused({ instructions: tailCall() }, { maps: () => array })
  t.is(error.code, 'EINVAL')
  t.regex(error.message, /it may not use program array jumps, which takes programs of type socket_filter/)
  using xdp = Program.load({ name: 'x', type: 'xdp', instructions: nothing() })
  t.throws(() => array.set(Uint8Array.of(1, 0, 0, 0), xdp as never), {
    code: 'EINVAL',
    message: 'Cannot set in map jumps: it takes programs of type socket_filter, not xdp (EINVAL)',
  })
  t.throws(() => array.set(Uint8Array.of(1, 0, 0, 0), filter as never, 'no_exist'), {
    code: 'EINVAL',
    message:
      "Cannot set in map jumps: it was asked for with mode 'no_exist' (BPF_NOEXIST), which not every map takes (EINVAL)",
  })
  t.throws(() => array.set(Uint8Array.of(1, 0, 0, 0), array as never), {
    code: 'EINVAL',
    message: /^Cannot set in map jumps: descriptor \d+ is not a program \(EINVAL\)$/,
  })
})

kernelTest('two attach types in one program array', [since('6.18', 'Attach types of program arrays')], t => {
  using array = jumps()
  const spec: ProgramSpec = { name: 'first', type: 'xdp', license: 'GPL', instructions: tailCall() }
  using _first = Program.load({ ...spec, expectedAttachType: 'xdp' }, { maps: () => array })
  const error = refused({ instructions: tailCall(), expectedAttachType: 'xdp_devmap' }, { maps: () => array })
  t.is(error.code, 'EINVAL')
  t.regex(
    error.message,
    /program array jumps, which takes programs that agree .* expected attach type; the types agree/,
  )
})

kernelTest('a struct_ops program that no map names', [], t => {
  const error = refused({ type: 'struct_ops' })
  t.regex(
    error.message,
    /^Cannot load program p: [\s\S]*no struct_ops map names it; a map in SEC\("\.struct_ops"\) says/,
  )
})

kernelTest('an attach type of another program type', [], t => {
  const error = refused({ type: 'cgroup_sock_addr', expectedAttachType: 'xdp' })
  t.regex(
    error.message,
    /programs of type cgroup_sock_addr need expectedAttachType cgroup_inet4_bind, .*; it has xdp$/,
  )
  t.regex(refused({ type: 'sk_lookup' }).message, /need expectedAttachType sk_lookup; it has none$/)
})

kernelTest('flags that the kernel does not know', [], t => {
  t.regex(refused({ flags: 0x4000_0000 }).message, /this kernel does not take the flags 0x40000000 for it$/)
})

kernelTest('more instructions than a program may have', [], t => {
  const instructions = [...Array.from({ length: 1_000_000 }, () => mov(r0, 0)), exit()]
  const error = refused({ instructions })
  t.is(error.code, 'E2BIG')
  t.regex(error.message, /: it has 1000001 instructions; the kernel takes 1000000$/)
})

kernelTest('a license that is missing is said to be', [], t => {
  const error = refused({
    type: 'raw_tracepoint',
    license: '',
    instructions: [call('get_current_task'), ...nothing()],
  })
  t.true(error instanceof VerifierError)
  t.regex(
    (error as VerifierError).explanation ?? '',
    /^the helper bpf_get_current_task .* and this one has none \(SEC\("license"\)/,
  )
  t.true(error.message.includes(`\n    cause: ${(error as VerifierError).explanation}\n`))
})
