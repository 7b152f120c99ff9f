import test from 'ava'
import { helpers } from '../../../../src/abi/generated/enums.ts'
import { call, callFunction } from '../../../../src/asm/calls.ts'
import { exit } from '../../../../src/asm/jumps.ts'
import { useOlderHelpers } from '../../../../src/programs/passes/older-helpers.ts'

const program = [
  call(helpers.probe_read_kernel),
  call(helpers.probe_read_user),
  call(helpers.probe_read_kernel_str),
  call(helpers.probe_read_user_str),
  call(helpers.ktime_get_ns),
  callFunction('probe_read_kernel'),
  exit(),
]

test('a kernel before 5.5 reads the memory of both with one helper', t => {
  const { probe_read, probe_read_str, ktime_get_ns } = helpers
  const imms = useOlderHelpers(program, { lacksProbeReadKernel: () => true }).map(({ imm }) => imm)
  t.deepEqual(imms.slice(0, 5), [probe_read, probe_read, probe_read_str, probe_read_str, ktime_get_ns])
  t.deepEqual(useOlderHelpers(program, { lacksProbeReadKernel: () => true }).slice(5), program.slice(5))
})

test('a kernel that has the helpers gets the program as it is', t => {
  t.is(useOlderHelpers(program, { lacksProbeReadKernel: () => false }), program)
})

test('the kernel is asked only by programs that call one of them', t => {
  t.notThrows(() => useOlderHelpers(program.slice(4), { lacksProbeReadKernel: () => t.fail() as never }))
})
