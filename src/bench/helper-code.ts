/**
 * Machine code of the helper program whose functions uprobes are attached to, by hand, so that no compiler is needed.
 *
 * `helper INDEX COUNT` calls the function of that index COUNT times, and prints how many nanoseconds of CPU time that
 * took, as a decimal number. The functions are those of the kernel's own benchmark: how dear a uprobe is depends on
 * the instruction that it replaces.
 *
 * Source: tools/testing/selftests/bpf/benchs/bench_trigger.c (`uprobe_target_nop` and the others).
 *
 * @module
 */

/** Architectures that the helper exists for. */
export type HelperArchitecture = 'x64' | 'arm64'

/** A function of the helper. */
export interface HelperFunction {
  readonly name: string
  /** Offset in the code. */
  readonly offset: number
  /** Bytes. */
  readonly size: number
}

/** Machine code with what is in it. */
export interface HelperCode {
  readonly bytes: Uint8Array
  /** Offset of the first instruction to run. */
  readonly entry: number
  /** In the order of their indices. */
  readonly functions: readonly HelperFunction[]
}

/** Every function starts at a multiple of this; `_start` relies on it. */
const SLOT = 16
/** Calls before the clock starts: the first ones meet page faults, and probes that are still to be optimized. */
export const WARM_UP_CALLS = 100

/** One instruction; jumps are told the distance from their own start to a label. */
type Line =
  | readonly number[]
  | { readonly label: string }
  | { readonly to: string; readonly size: number; readonly bytes: (distance: number) => readonly number[] }

const u32 = (value: number): number[] => [
  value & 255,
  (value >>> 8) & 255,
  (value >>> 16) & 255,
  value >>> 24,
]
const label = (name: string): Line => ({ label: name })

/** Puts lines after one another and fills in distances. */
function assemble(lines: readonly Line[]): { bytes: number[]; labels: Map<string, number> } {
  const labels = new Map<string, number>()
  let at = 0
  for (const line of lines) {
    if ('label' in line) labels.set(line.label, at)
    else at += 'size' in line ? line.size : line.length
  }
  const bytes: number[] = []
  for (const line of lines) {
    if ('label' in line) continue
    bytes.push(...('size' in line ? line.bytes(labels.get(line.to)! - bytes.length) : line))
  }
  return { bytes, labels }
}

/** x86-64: an opcode with a 32-bit distance from its end. */
const far = (opcode: readonly number[], to: string): Line => {
  const size = opcode.length + 4
  return { to, size, bytes: distance => [...opcode, ...u32(distance - size)] }
}
/** x86-64: an opcode with an 8-bit distance from its end. */
const near = (opcode: number, to: string): Line => ({
  to,
  size: 2,
  bytes: distance => [opcode, (distance - 2) & 255],
})

const x64Functions: Readonly<Record<string, readonly number[]>> = {
  nop: [0x90, 0xc3], // nop; ret
  push: [0x55, 0x5d, 0xc3], // push rbp; pop rbp; ret
  ret: [0xc3], // ret
  nop5: [0x0f, 0x1f, 0x44, 0x00, 0x00, 0xc3], // nopl 0(rax,rax); ret
  usdt_nop: [0x55, 0x90, 0x5d, 0xc3], // push rbp; nop; pop rbp; ret
  usdt_nop5: [0x55, 0x0f, 0x1f, 0x44, 0x00, 0x00, 0x5d, 0xc3], // push rbp; nopl 0(rax,rax); pop rbp; ret
}

const x64Lines: readonly Line[] = [
  label('run'), // calls the function in r12 as often as r13 says
  [0x41, 0xff, 0xd4], // call r12
  [0x49, 0xff, 0xcd], // dec r13
  near(0x75, 'run'), // jnz run
  [0xc3], // ret
  label('clock'), // rax = nanoseconds
  [0x48, 0x83, 0xec, 0x18], // sub rsp, 24
  [0xb8, ...u32(228)], // mov eax, SYS_clock_gettime
  [0xbf, ...u32(3)], // mov edi, CLOCK_THREAD_CPUTIME_ID
  [0x48, 0x89, 0xe6], // mov rsi, rsp
  [0x0f, 0x05], // syscall
  [0x48, 0x69, 0x04, 0x24, ...u32(1_000_000_000)], // imul rax, [rsp], 1000000000
  [0x48, 0x03, 0x44, 0x24, 0x08], // add rax, [rsp+8]
  [0x48, 0x83, 0xc4, 0x18], // add rsp, 24
  [0xc3], // ret
  label('_start'),
  [0x48, 0x8b, 0x44, 0x24, 0x10], // mov rax, [rsp+16]: argv[1]
  [0x0f, 0xb6, 0x18], // movzx ebx, byte [rax]
  [0x83, 0xeb, 0x30], // sub ebx, '0'
  [0xc1, 0xe3, 0x04], // shl ebx, 4: times SLOT
  far([0x4c, 0x8d, 0x25], 'functions'), // lea r12, [rip+functions]
  [0x49, 0x01, 0xdc], // add r12, rbx
  [0x48, 0x8b, 0x74, 0x24, 0x18], // mov rsi, [rsp+24]: argv[2]
  [0x31, 0xed], // xor ebp, ebp
  [0x0f, 0xb6, 0x06], // movzx eax, byte [rsi]
  label('parse'),
  [0x48, 0x6b, 0xed, 0x0a], // imul rbp, rbp, 10
  [0x48, 0x8d, 0x6c, 0x05, 0xd0], // lea rbp, [rbp+rax-'0']
  [0x48, 0xff, 0xc6], // inc rsi
  [0x0f, 0xb6, 0x06], // movzx eax, byte [rsi]
  [0x85, 0xc0], // test eax, eax
  near(0x75, 'parse'), // jnz parse
  [0x41, 0xbd, ...u32(WARM_UP_CALLS)], // mov r13d, WARM_UP_CALLS
  far([0xe8], 'run'), // call run
  far([0xe8], 'clock'), // call clock
  [0x49, 0x89, 0xc6], // mov r14, rax
  [0x49, 0x89, 0xed], // mov r13, rbp
  far([0xe8], 'run'), // call run
  far([0xe8], 'clock'), // call clock
  [0x4c, 0x29, 0xf0], // sub rax, r14
  [0x48, 0x8d, 0x7c, 0x24, 0xff], // lea rdi, [rsp-1]
  [0x48, 0x83, 0xec, 0x20], // sub rsp, 32
  [0xc6, 0x07, 0x0a], // mov byte [rdi], '\n'
  [0xb9, ...u32(10)], // mov ecx, 10
  label('digit'),
  [0x31, 0xd2], // xor edx, edx
  [0x48, 0xf7, 0xf1], // div rcx
  [0x80, 0xc2, 0x30], // add dl, '0'
  [0x48, 0xff, 0xcf], // dec rdi
  [0x88, 0x17], // mov [rdi], dl
  [0x48, 0x85, 0xc0], // test rax, rax
  near(0x75, 'digit'), // jnz digit
  [0x48, 0x8d, 0x54, 0x24, 0x20], // lea rdx, [rsp+32]
  [0x48, 0x29, 0xfa], // sub rdx, rdi
  [0x48, 0x89, 0xfe], // mov rsi, rdi
  [0xbf, ...u32(1)], // mov edi, 1
  [0xb8, ...u32(1)], // mov eax, SYS_write
  [0x0f, 0x05], // syscall
  [0x31, 0xff], // xor edi, edi
  [0xb8, ...u32(60)], // mov eax, SYS_exit
  [0x0f, 0x05], // syscall
]

/** arm64: `bl`. */
const bl = (to: string): Line => ({
  to,
  size: 4,
  bytes: distance => u32((0x94000000 | ((distance >> 2) & 0x3ffffff)) >>> 0),
})
/** arm64: an opcode with a 19-bit distance, as `b.cond` and `cbnz` have it. */
const branch = (opcode: number, to: string): Line => ({
  to,
  size: 4,
  bytes: distance => u32((opcode | (((distance >> 2) & 0x7ffff) << 5)) >>> 0),
})
/** arm64: `adr`. */
const adr = (register: number, to: string): Line => ({
  to,
  size: 4,
  bytes: distance =>
    u32((0x10000000 | ((distance & 3) << 29) | (((distance >> 2) & 0x7ffff) << 5) | register) >>> 0),
})
const PUSH = u32(0xa9bf7bfd) // stp x29, x30, [sp, #-16]!
const POP = u32(0xa8c17bfd) // ldp x29, x30, [sp], #16
const NOP = u32(0xd503201f) // nop
const RET = u32(0xd65f03c0) // ret

const arm64Functions: Readonly<Record<string, readonly number[]>> = {
  nop: [...NOP, ...RET],
  push: [...PUSH, ...POP, ...RET],
  ret: RET,
  usdt_nop: [...PUSH, ...NOP, ...POP, ...RET],
}

const arm64Lines: readonly Line[] = [
  label('run'), // calls the function in x19 as often as x20 says
  PUSH,
  label('again'),
  u32(0xd63f0260), // blr x19
  u32(0xf1000694), // subs x20, x20, #1
  branch(0x54000001, 'again'), // b.ne again
  POP,
  RET,
  label('clock'), // x0 = nanoseconds
  u32(0xd10043ff), // sub sp, sp, #16
  u32(0xd2800e28), // mov x8, #113: clock_gettime
  u32(0xd2800060), // mov x0, #3: CLOCK_THREAD_CPUTIME_ID
  u32(0x910003e1), // mov x1, sp
  u32(0xd4000001), // svc #0
  u32(0xa8c107e0), // ldp x0, x1, [sp], #16
  u32(0x52994002), // mov w2, #0xca00
  u32(0x72a77342), // movk w2, #0x3b9a, lsl #16: 1000000000
  u32(0x9b020400), // madd x0, x0, x2, x1
  RET,
  label('_start'),
  u32(0xf9400be0), // ldr x0, [sp, #16]: argv[1]
  u32(0x39400001), // ldrb w1, [x0]
  u32(0x5100c021), // sub w1, w1, #'0'
  adr(19, 'functions'), // adr x19, functions
  u32(0x8b011273), // add x19, x19, x1, lsl #4: times SLOT
  u32(0xf9400fe1), // ldr x1, [sp, #24]: argv[2]
  u32(0xd2800016), // mov x22, #0
  u32(0x52800143), // mov w3, #10
  u32(0x38401422), // ldrb w2, [x1], #1
  label('parse'),
  u32(0x5100c042), // sub w2, w2, #'0'
  u32(0x9b030ad6), // madd x22, x22, x3, x2
  u32(0x38401422), // ldrb w2, [x1], #1
  branch(0x35000002, 'parse'), // cbnz w2, parse
  u32(0xd2800014 | (WARM_UP_CALLS << 5)), // mov x20, #WARM_UP_CALLS
  bl('run'),
  bl('clock'),
  u32(0xaa0003f5), // mov x21, x0
  u32(0xaa1603f4), // mov x20, x22
  bl('run'),
  bl('clock'),
  u32(0xcb150000), // sub x0, x0, x21
  u32(0xd10083ff), // sub sp, sp, #32
  u32(0x910083e3), // add x3, sp, #32
  u32(0x52800144), // mov w4, #'\n', which is 10
  u32(0x381ffc64), // strb w4, [x3, #-1]!
  label('digit'),
  u32(0x9ac40805), // udiv x5, x0, x4
  u32(0x9b0480a6), // msub x6, x5, x4, x0
  u32(0x1100c0c6), // add w6, w6, #'0'
  u32(0x381ffc66), // strb w6, [x3, #-1]!
  u32(0xaa0503e0), // mov x0, x5
  branch(0xb5000000, 'digit'), // cbnz x0, digit
  u32(0xaa0303e1), // mov x1, x3
  u32(0x910083e2), // add x2, sp, #32
  u32(0xcb010042), // sub x2, x2, x1
  u32(0xd2800020), // mov x0, #1
  u32(0xd2800808), // mov x8, #64: write
  u32(0xd4000001), // svc #0
  u32(0xd2800000), // mov x0, #0
  u32(0xd2800ba8), // mov x8, #93: exit
  u32(0xd4000001), // svc #0
]

const programs = {
  x64: { functions: x64Functions, lines: x64Lines, filler: 0xcc },
  arm64: { functions: arm64Functions, lines: arm64Lines, filler: 0 },
} as const

/** The helper's machine code. */
export function helperCode(architecture: HelperArchitecture): HelperCode {
  const { functions, lines, filler } = programs[architecture]
  const slots: number[] = []
  const placed: HelperFunction[] = []
  for (const [name, code] of Object.entries(functions)) {
    placed.push({ name, offset: slots.length, size: code.length })
    slots.push(...code, ...new Array<number>(SLOT - code.length).fill(filler))
  }
  const { bytes, labels } = assemble([label('functions'), slots, ...lines])
  return { bytes: Uint8Array.from(bytes), entry: labels.get('_start')!, functions: placed }
}
