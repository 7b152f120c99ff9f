import test from 'ava'
import { explainVerdict } from '../../../../src/programs/refusal/explain-verdict.ts'

/** Ends of logs, of several kernels, and what they mean. */
const explanations: readonly (readonly [verdict: string, cause: string, instruction?: string])[] = [
  ['invalid func unknown#181', 'the kernel has no helper bpf_loop, which came with Linux 5.17'],
  [
    'attach_btf_id 0 is not a supported struct',
    'no struct_ops map names it; a map in SEC(".struct_ops") says which operation a program is',
  ],
  ['invalid func unknown#9999', 'the kernel has no helper number 9999'],
  [
    'unknown func bpf_probe_write_user#36',
    'programs of type kprobe may not call the helper bpf_probe_write_user, or not on this kernel',
  ],
  [
    'program of this type cannot use helper bpf_get_stackid#27',
    'programs of type kprobe may not call the helper bpf_get_stackid, or not on this kernel',
  ],
  [
    'cannot call GPL-restricted function from non-GPL compatible program',
    'the helper bpf_ktime_get_ns is for programs with a license that is compatible with the GPL, and this one\'s is "MIT"',
    '(85) call bpf_ktime_get_ns#5',
  ],
  [
    'cannot call GPL only function from non-GPL compatible program',
    'the helper bpf_ktime_get_ns is for programs with a license that is compatible with the GPL, and this one\'s is "MIT"',
    '(85) call bpf_ktime_get_ns#5',
  ],
  [
    'calling kernel function bpf_cgroup_release is not allowed',
    'programs of type kprobe may not call the kernel function bpf_cgroup_release',
  ],
  [
    'infinite loop detected at insn 3',
    'it has a loop that does not end: each round begins as the one before',
  ],
  ['back-edge from insn 7 to 2', 'it has a loop, which kernels before 5.3 do not take'],
  [
    'BPF program is too large. Processed 1000001 insn',
    'the verifier gave up after 1000001 instructions: it has a loop whose end the verifier does not see, or too many branches',
  ],
  [
    'The sequence of 8193 jumps is too complex.',
    'the verifier gave up: it has a loop whose end the verifier does not see, or too many branches',
  ],
  [
    "R0 invalid mem access 'map_value_or_null'",
    'a pointer (map_value_or_null) is used before it was compared with NULL',
  ],
  [
    "R1 invalid mem access 'inv'",
    'it reads memory through a number that the verifier does not know as a pointer; bpf_probe_read_kernel or bpf_probe_read_user reads any address',
  ],
  [
    'invalid access to map value, value_size=8 off=8 size=4',
    'it reaches 4 bytes at offset 8 of a map value, which has 8 bytes',
  ],
  [
    "R2 min value is negative, either use unsigned or 'var &= const'",
    'an index or a length is not checked against its bounds before it is used',
  ],
  [
    'invalid access to packet, off=0 size=14, R1(id=0,off=0,r=0)',
    'it reaches 14 bytes at offset 0 of a packet before it compared them with data_end',
  ],
  [
    'invalid bpf_context access off=4096 size=4',
    'programs of type kprobe may not access 4 bytes at offset 4096 of their context',
  ],
  ['R5 !read_ok', 'it reads register r5, which it did not write on every way there'],
  [
    'Unreleased reference id=2 alloc_insn=4',
    'it ends, on one way at least, without giving back what it acquired, such as a reserved record or a socket',
  ],
  ['unreachable insn 5', 'no way through the program leads to instruction 5'],
  [
    'combined stack size of 2 calls is 544. Too large',
    'its functions together need more than the 512 bytes of stack that there are',
  ],
  ['R1 type=scalar expected=map_ptr', 'argument 1 of the call is scalar, and must be map_ptr'],
]

for (const [verdict, cause, instruction = '(95) exit'] of explanations) {
  test(`explains: ${verdict}`, t => {
    const log = `0: R1=ctx() R10=fp0\n0: ${instruction}\n${verdict}\nprocessed 3 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n`
    t.is(explainVerdict({ log, type: 'kprobe', license: 'MIT' }), cause)
  })
}

test('what is not known is not explained', t => {
  t.is(explainVerdict({ log: '0: (95) exit\nsomething new\n', type: 'xdp', license: '' }), undefined)
  t.is(explainVerdict({ log: '', type: 'xdp', license: '' }), undefined)
})
