import test from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import { loadImm64 } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { r0, r1 } from '../../../src/asm/registers.ts'
import { parseStatistics } from '../../../src/inspect/verify.ts'
import { formatSourceLine, sourceOfSlot, summarizeVerifierLog } from '../../../src/programs/verifier-log.ts'

const plain = (imm: number): Instruction => mov(r0, imm)

test('the line after the last instruction is the reason', t => {
  const summary = summarizeVerifierLog(
    [
      '0: R1=ctx() R10=fp0',
      '; int x = *bad; @ prog.bpf.c:12',
      '0: (b7) r1 = 0                        ; R1_w=0',
      '1: (61) r0 = *(u32 *)(r1 +0)',
      "R1 invalid mem access 'scalar'",
      'processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0',
      '',
    ].join('\n'),
  )
  t.deepEqual(summary.reason, ["R1 invalid mem access 'scalar'"])
  t.is(summary.slot, 1)
  t.is(summary.instruction, 'r0 = *(u32 *)(r1 +0)')
})

test('register state is not part of the instruction', t => {
  const { instruction, slot } = summarizeVerifierLog(
    '0: (85) call bpf_map_lookup_elem#1     ; R0_w=map_value()\nbad\n',
  )
  t.is(instruction, 'call bpf_map_lookup_elem#1')
  t.is(slot, 0)
})

test('a call that stands for what is missing is not shown: the object does not have it', t => {
  for (const number of [195_896_080, 2_001_000_000, 2_002_000_003]) {
    const log = `0: (b7) r0 = 0\n7: (85) call unknown#${number}\ninvalid func unknown#${number}\n`
    const { instruction, slot } = summarizeVerifierLog(log)
    t.deepEqual([instruction, slot], [undefined, 7])
  }
  t.is(
    summarizeVerifierLog('3: (85) call unknown#9999\ninvalid func unknown#9999\n').instruction,
    'call unknown#9999',
  )
})

test('a verdict that needs the line before it keeps it', t => {
  const { reason } = summarizeVerifierLog(
    [
      '0: (79) r1 = *(u64 *)(r1 +0)',
      "func '__x64_sys_recvfrom' arg0 type FWD is not a struct",
      'invalid bpf_context access off=0 size=8',
      'processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0',
    ].join('\n'),
  )
  t.deepEqual(reason, [
    "func '__x64_sys_recvfrom' arg0 type FWD is not a struct",
    'invalid bpf_context access off=0 size=8',
  ])
})

test('a log without instructions ends with its reason', t => {
  t.deepEqual(summarizeVerifierLog('unreachable insn 28\n\r\t \0\0'), { reason: ['unreachable insn 28'] })
})

test('statistics behind a message that does not end its line are not a part of it', t => {
  const counts =
    'processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 2 mark_read 0\n'
  for (const glued of [counts, `verification time 21 usec\nstack depth 8+0\n${counts}`]) {
    const log = `0: (85) call pc+1\narg#0 reference type('UNKNOWN ') size cannot be determined: -22${glued}`
    t.deepEqual(summarizeVerifierLog(log).reason, [
      "arg#0 reference type('UNKNOWN ') size cannot be determined: -22",
    ])
    t.like(parseStatistics(log), { instructions: 9, states: 1, peakStates: 2 })
  }
})

test('an empty log has no reason', t => {
  for (const log of ['', '\0\0', ' \n\t\n']) t.deepEqual(summarizeVerifierLog(log), { reason: [] })
})

test('a slot has the source line of the nearest instruction before it', t => {
  const source = { file: 'a.c', text: '  return 1;', line: 3, column: 9 }
  const instructions: Instruction[] = [
    { ...plain(0), symbol: 'main' },
    { ...loadImm64(r1, 5), source },
    plain(1),
    { ...plain(2), symbol: 'other' },
  ]
  t.is(sourceOfSlot(instructions, 0), undefined)
  t.is(sourceOfSlot(instructions, 1), source)
  t.is(sourceOfSlot(instructions, 2), source, 'the second slot of a 64-bit load')
  t.is(sourceOfSlot(instructions, 3), source)
  t.is(sourceOfSlot(instructions, 4), undefined, 'another function begins')
})

test('a source line reads as file, line and text', t => {
  t.is(formatSourceLine({ file: 'a.c', text: '\treturn 1;', line: 3, column: 9 }), 'a.c:3: return 1;')
  t.is(formatSourceLine({ file: 'a.c', text: '', line: 3, column: 0 }), 'a.c:3')
})

test('states that follow the verdict are not the reason', t => {
  const { reason, slot } = summarizeVerifierLog(
    [
      '0: R1=ctx() R10=fp0',
      '0: (05) goto pc-1',
      'infinite loop detected at insn 0',
      'cur state: R1=ctx() R10=fp0',
      'old state: R1=ctx() R10=fp0',
      'processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 0',
    ].join('\n'),
  )
  t.deepEqual(reason, ['infinite loop detected at insn 0'])
  t.is(slot, 0)
})
