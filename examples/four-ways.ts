/**
 * One function of the kernel, traced in four ways at once: kprobe, kprobe_multi, fentry and a tracepoint. All four
 * count the same calls of this process, so all four must come to the same number; what the kernel lacks is listed
 * with the reason.
 *
 *     npm run build && npm run build:test && sudo node build/examples/four-ways.js [CALLS]
 *
 * @module
 */

import { getPriority } from 'node:os'
import { BpfError, BpfMap, type Link, Program, type ProgramSpec } from 'ebpf-ts'
import {
  atomicAdd,
  call,
  exit,
  type Instruction,
  jne,
  label,
  loadMapValue,
  mov,
  r0,
  r1,
  r2,
  rsh,
} from 'ebpf-ts/asm'
import { fentry, kprobe, kprobeMulti, syscallFunction, tracepoint } from 'ebpf-ts/links'

/** A system call without effect, which Node.js makes once for each call of `os.getPriority`. */
const SYSCALL = 'getpriority'
/** The kernel's function for it: `'__x64_sys_getpriority'`. */
const FUNCTION = syscallFunction(SYSCALL)

/** A way to trace: what the program must be, and how to attach it. */
interface Way {
  readonly name: string
  readonly target: string
  readonly spec: Omit<ProgramSpec, 'instructions'>
  readonly attach: (program: Program) => Link
}

const ways: readonly Way[] = [
  {
    name: 'kprobe',
    target: FUNCTION,
    spec: { type: 'kprobe' },
    attach: program => kprobe(program, FUNCTION),
  },
  {
    name: 'kprobe_multi',
    target: FUNCTION,
    spec: { type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' },
    attach: program => kprobeMulti(program, { symbols: [FUNCTION] }),
  },
  {
    name: 'fentry',
    target: FUNCTION,
    spec: { type: 'tracing', expectedAttachType: 'trace_fentry', attachTarget: FUNCTION },
    attach: program => fentry(program),
  },
  {
    name: 'tracepoint',
    target: `syscalls/sys_enter_${SYSCALL}`,
    spec: { type: 'tracepoint' },
    attach: program => tracepoint(program, 'syscalls', `sys_enter_${SYSCALL}`),
  },
]

/** Adds 1 to a counter when this process calls. No way needs instructions of its own. */
function countCalls(counters: BpfMap, index: number): Instruction[] {
  return [
    call('get_current_pid_tgid'),
    rsh(r0, 32), // the process is in the upper half
    jne(r0, process.pid, 'out'),
    loadMapValue(r1, counters, index * 8),
    mov(r2, 1),
    atomicAdd('u64', r1, 0, r2),
    label('out', mov(r0, 0)),
    exit(),
  ]
}

/** Loads and attaches one way; the reason where that fails. */
function trace(way: Way, counters: BpfMap, index: number): { link: Link } | { reason: string } {
  try {
    // The link keeps the program; our handle is not needed any more.
    using program = Program.load({ ...way.spec, name: way.name, instructions: countCalls(counters, index) })
    return { link: way.attach(program) }
  } catch (error) {
    if (error instanceof BpfError) return { reason: error.message }
    throw error
  }
}

const calls = Number(process.argv[2] ?? 1000)
// One element with a counter for each way.
using counters = BpfMap.create({
  name: 'counters',
  type: 'array',
  keySize: 4,
  valueSize: ways.length * 8,
  maxEntries: 1,
})
const attempts = ways.map((way, index) => ({ way, index, result: trace(way, counters, index) }))

for (let i = 0; i < calls; i++) getPriority()

// Detached before it is read, so that nothing counts on.
for (const { result } of attempts) if ('link' in result) result.link.close()
const counted = new DataView(
  (counters.get(new Uint8Array(4)) ?? new Uint8Array(ways.length * 8)).slice().buffer,
)

console.log(`${calls} calls of ${FUNCTION}`)
for (const { way, index, result } of attempts) {
  // The kernel counts in the byte order of the machine; Node.js runs on little-endian ones.
  const outcome = 'link' in result ? `${counted.getBigUint64(index * 8, true)}` : '-'
  const note = 'link' in result ? way.target : result.reason
  console.log(`${way.name.padEnd(14)}${outcome.padStart(10)}  ${note}`)
}
