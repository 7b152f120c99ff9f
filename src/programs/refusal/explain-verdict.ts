/**
 * Why the verifier refused a program, in one sentence, for the reasons that people meet most.
 *
 * Source: messages of kernel/bpf/verifier.c as of 4.14 to 7.x.
 *
 * @module
 */

import { type Helper, helpers } from '../../abi/generated/enums.ts'
import { helperSince } from '../../abi/helper-since.ts'
import { enumName } from '../../abi/names.ts'
import { summarizeVerifierLog } from '../verifier-log.ts'

/** What an explanation is made from. */
export interface RefusedProgram {
  /** The verifier's log. */
  readonly log: string
  /** Program type, as in "programs of type kprobe". */
  readonly type: string | number
  /** The program's license. */
  readonly license: string
}

/** What the verifier says, and how to say it to people. */
type Rule = readonly [says: RegExp, means: (match: RegExpExecArray, program: RefusedProgram) => string]

/**
 * Explains why a program was refused: `'the kernel has no helper bpf_loop, which came with Linux 5.17'`.
 *
 * Pure: the log may be of another machine.
 *
 * @returns one sentence without a full stop; `undefined` for an unknown reason
 */
export function explainVerdict(program: RefusedProgram): string | undefined {
  const { reason, instruction = '' } = summarizeVerifierLog(program.log)
  // Rules that are about a call need its text, which stands before the verdict.
  const text = `${instruction}\n${reason.join('\n')}`
  for (const [says, means] of rules) {
    const match = says.exec(text)
    if (match !== null) return means(match, program)
  }
  return undefined
}

/** Why a struct_ops program is refused that is loaded without an operation; some kernels write a log, others do not. */
export const UNNAMED_OPERATION =
  'no struct_ops map names it; a map in SEC(".struct_ops") says which operation a program is'

const rules: readonly Rule[] = [
  // Source: kernel/bpf/verifier.c `check_struct_ops_btf_id`.
  [/attach_btf_id 0 is not a supported struct/, () => UNNAMED_OPERATION],
  [
    /invalid func (?:bpf_)?\w+#(\d+)/,
    ([, number]) => {
      const name = enumName(helpers, Number(number))
      return typeof name === 'number'
        ? `the kernel has no helper number ${number}`
        : `the kernel has no helper bpf_${name}, ${cameWith(name)}`
    },
  ],
  [
    /(?:unknown func|program of this type cannot use helper) (?:bpf_)?\w+#(\d+)/,
    ([, number], { type }) => {
      const name = enumName(helpers, Number(number))
      const helper = typeof name === 'number' ? `helper number ${number}` : `helper bpf_${name}`
      return `programs of type ${type} may not call the ${helper}, or not on this kernel`
    },
  ],
  [
    /cannot call GPL(?:-restricted| only) function from non-GPL compatible program/,
    ({ input }, { license }) => {
      const helper = /call (bpf_\w+)#/.exec(input)?.[1]
      const what = helper === undefined ? 'it calls a helper that' : `the helper ${helper}`
      return `${what} is for programs with a license that is compatible with the GPL, and ${licenseOf(license)}`
    },
  ],
  [
    /cannot call kernel function from non-GPL compatible program/,
    (_, { license }) =>
      `kernel functions are for programs with a license that is compatible with the GPL, and ${licenseOf(license)}`,
  ],
  [
    /calling kernel function (\w+) is not allowed/,
    ([, name], { type }) => `programs of type ${type} may not call the kernel function ${name}`,
  ],
  [/infinite loop detected/, () => 'it has a loop that does not end: each round begins as the one before'],
  [/back-edge from insn \d+ to \d+/, () => 'it has a loop, which kernels before 5.3 do not take'],
  [
    /BPF program is too large. Processed (\d+) insn|too many instructions|The sequence of (\d+) jumps is too complex/,
    ([, processed]) =>
      `the verifier gave up${processed === undefined ? '' : ` after ${processed} instructions`}: it has a loop whose end the verifier does not see, or too many branches`,
  ],
  [
    /invalid mem access '(\w+_or_null)'/,
    ([, what]) => `a pointer (${what}) is used before it was compared with NULL`,
  ],
  [
    /invalid mem access '(?:inv|scalar)'/,
    () =>
      'it reads memory through a number that the verifier does not know as a pointer; bpf_probe_read_kernel or bpf_probe_read_user reads any address',
  ],
  [
    /invalid access to map value, value_size=(\d+) off=(-?\d+) size=(\d+)/,
    ([, total, offset, size]) =>
      `it reaches ${size} bytes at offset ${offset} of a map value, which has ${total} bytes`,
  ],
  [
    /(?:min value is negative|unbounded memory access|(?:max|min) value is outside of the (?:allowed memory|\w+) range)/,
    () => 'an index or a length is not checked against its bounds before it is used',
  ],
  [
    /unbounded variable-offset (?:read from|write to|access to|indirect access to)? ?stack|variable.*stack.*(?:out of bounds|var_off)/i,
    () => 'an index into the stack is not checked against its bounds before it is used',
  ],
  [
    /invalid access to packet, off=(-?\d+) size=(\d+)/,
    ([, offset, size]) =>
      `it reaches ${size} bytes at offset ${offset} of a packet before it compared them with data_end`,
  ],
  [
    /invalid bpf_context access off=(\d+) size=(\d+)/,
    ([, offset, size], { type }) =>
      `programs of type ${type} may not access ${size} bytes at offset ${offset} of their context`,
  ],
  [
    /invalid (?:write to|read from) stack|invalid stack (?:off|type)/,
    () => 'it reaches stack that it does not have, or did not write before',
  ],
  [
    /invalid indirect (?:read|access) (?:from|to) stack/,
    () => 'it passes stack to a helper that it did not write before',
  ],
  [
    /R(\d+) !read_ok/,
    ([, register]) => `it reads register r${register}, which it did not write on every way there`,
  ],
  [
    /Unreleased reference|reference.*(?:leak|has not been released)/i,
    () =>
      'it ends, on one way at least, without giving back what it acquired, such as a reserved record or a socket',
  ],
  [/unreachable insn (\d+)/, ([, slot]) => `no way through the program leads to instruction ${slot}`],
  [
    /combined stack size of \d+ calls is (\d+)|stack depth (\d+) exceeds/,
    () => 'its functions together need more than the 512 bytes of stack that there are',
  ],
  [
    /At (?:program|async callback|subprogram) exit the register R0 (.+)/,
    ([, what], { type }) => `programs of type ${type} may not return this value: it ${what}`,
  ],
  [
    /R(\d+) type=(\w+) expected=([\w, ]+)/,
    ([, register, has, expected]) =>
      `argument ${register} of the call is ${has}, and must be ${expected!.trim()}`,
  ],
]

function licenseOf(license: string): string {
  return license === ''
    ? 'this one has none (SEC("license"), or license of its spec)'
    : `this one's is ${JSON.stringify(license)}`
}

/** `'which came with Linux 5.17'`. */
function cameWith(name: Helper): string {
  return `which came with Linux ${helperSince[name]}`
}
