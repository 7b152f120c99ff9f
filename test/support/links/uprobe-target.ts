/**
 * A program to probe: it waits for a byte on its standard input, calls its functions, each so many times, and ends with
 * its reference counter as exit code. Made here instruction by instruction, it is the same on every machine.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import {
  EM_386,
  EM_AARCH64,
  EM_X86_64,
  ET_EXEC,
  PF_R,
  PF_W,
  PF_X,
  SHF_EXECINSTR,
  sectionTypes,
} from '../../../src/elf/format.ts'
import { ELF32, ELF64, type ElfLayout } from '../../../src/elf/layout.ts'
import {
  firstSectionOffset,
  StringTableBuilder,
  type SymbolSource,
  symbolTable,
  writeElf,
} from '../../../src/elf/write.ts'
import { spreadElf, versionDefinitions } from '../elf/files.ts'

/** Calls of each function, in the order in the file; two names may be at different places. */
const CALLS = [
  ['alpha', 3],
  ['beta', 2],
  ['gamma@V1', 1],
  ['gamma@@V2', 4],
  ['twin', 1],
  ['twin', 1],
] as const

/** Uprobes refuse writable memory and counters need it, so the file is mapped twice. */
const CODE = { address: 0x40_0000, flags: PF_R | PF_X }
const DATA = { address: 0x60_0000, flags: PF_R | PF_W }
const ALIGNMENT = 16

/** A machine: what the program is made of. */
interface Machine {
  readonly elf: number
  readonly layout: ElfLayout
  /** `read(0, stack, 1)` */
  readonly wait: readonly number[]
  readonly call: (distance: number) => readonly number[]
  /** `exit(*(unsigned short *)counter)` */
  readonly exit: (counter: number) => readonly number[]
  readonly nop: readonly number[]
  readonly return: readonly number[]
}

const word = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)]

const machines: Partial<Record<NodeJS.Architecture, Machine>> = {
  ia32: {
    elf: EM_386,
    layout: ELF32,
    // sub $16, %esp; mov $3, %eax; xor %ebx, %ebx; mov %esp, %ecx; mov $1, %edx; int $0x80
    wait: [
      ...[0x83, 0xec, 0x10, 0xb8, 3, 0, 0, 0, 0x31, 0xdb],
      ...[0x89, 0xe1, 0xba, 1, 0, 0, 0, 0xcd, 0x80],
    ],
    call: distance => [0xe8, ...word(distance - 5)],
    // movzwl counter, %ebx; mov $1, %eax; int $0x80
    exit: counter => [0x0f, 0xb7, 0x1d, ...word(counter), 0xb8, 1, 0, 0, 0, 0xcd, 0x80],
    nop: [0x90],
    return: [0xc3],
  },
  x64: {
    elf: EM_X86_64,
    layout: ELF64,
    // sub $16, %rsp; xor %eax, %eax; xor %edi, %edi; mov %rsp, %rsi; mov $1, %edx; syscall
    wait: [
      ...[0x48, 0x83, 0xec, 0x10, 0x31, 0xc0, 0x31, 0xff],
      ...[0x48, 0x89, 0xe6, 0xba, 1, 0, 0, 0, 0x0f, 0x05],
    ],
    call: distance => [0xe8, ...word(distance - 5)],
    // movzwl counter, %edi; mov $60, %eax; syscall
    exit: counter => [0x0f, 0xb7, 0x3c, 0x25, ...word(counter), 0xb8, 60, 0, 0, 0, 0x0f, 0x05],
    nop: [0x90],
    return: [0xc3],
  },
  arm64: {
    elf: EM_AARCH64,
    layout: ELF64,
    // sub sp, sp, #16; mov x8, #63; mov x0, #0; mov x1, sp; mov x2, #1; svc #0
    wait: [0xd10043ff, 0xd28007e8, 0xd2800000, 0x910003e1, 0xd2800022, 0xd4000001].flatMap(word),
    call: distance => word(0x94000000 | ((distance / 4) & 0x3ff_ffff)),
    // movz x9, #counter; movk x9, #counter >> 16, lsl #16; ldrh w0, [x9]; mov x8, #93; svc #0
    exit: counter =>
      [
        0xd2800009 | ((counter & 0xffff) << 5),
        0xf2a00009 | ((counter >>> 16) << 5),
        ...[0x79400120, 0xd2800ba8, 0xd4000001],
      ].flatMap(word),
    nop: word(0xd503201f),
    return: word(0xd65f03c0),
  },
}

/** The program as a file. */
export interface UprobeTarget extends Disposable {
  /** Of an executable file named `libtarget.so.1`, so that it is found as a program and as a library. */
  readonly path: string
  /** Directory of the file, which has nothing else in it. */
  readonly directory: string
  /** Offsets in the file of the functions, by name; `'twin'` is the first of two. */
  readonly offsets: Readonly<Record<'alpha' | 'beta' | 'gamma@V1' | 'gamma@@V2' | 'twin', number>>
  /** Offset in the file of the reference counter. */
  readonly counter: number
  /** Bytes of an instruction at the start of every function. */
  readonly step: number
  /** Runs it once to the end and returns its exit code. */
  run(): number
  /** Starts it; it waits for `finish`, or is ended after the test. */
  start(t: ExecutionContext): Promise<ChildProcess>
  /** Lets a process go on to its end and returns its exit code. */
  finish(process: ChildProcess): Promise<number>
}

/** What the program is like. */
interface TargetOptions {
  /** Default: that of this process. */
  readonly architecture?: NodeJS.Architecture
  /** Bytes of nothing between the headers and the rest, of 64-bit programs; a multiple of the page size. Default: 0. */
  readonly gap?: number
}

/** Writes the program into a directory of its own. */
export function makeUprobeTarget(options: TargetOptions = {}): UprobeTarget {
  const { architecture = process.arch, gap = 0 } = options
  const machine = machines[architecture]
  if (machine === undefined) throw new Error(`No target for ${architecture}`)
  const { bytes, offsets, counter } = makeProgram(machine, gap)
  // The kernel shows the path without symbolic links.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'ebpf-ts-target-')))
  const path = join(directory, 'libtarget.so.1')
  writeProgram(path, bytes, gap)
  chmodSync(path, 0o755)
  return {
    path,
    directory,
    offsets,
    counter,
    step: machine.nop.length,
    run() {
      const { status, error, signal } = spawnSync(path, { input: '.' })
      if (error !== undefined) throw error
      if (status === null) throw new Error(`The target ended with ${signal}`)
      return status
    },
    async start(t) {
      const child = spawn(path, { stdio: ['pipe', 'ignore', 'inherit'] })
      t.teardown(() => child.kill())
      await once(child, 'spawn')
      return child
    },
    async finish(child) {
      child.stdin?.end('.')
      const [status, signal] = await once(child, 'exit')
      if (status === null) throw new Error(`The target ended with ${signal}`)
      return Number(status)
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  }
}

function writeProgram(path: string, bytes: Uint8Array, gap: number): void {
  if (gap === 0) {
    writeFileSync(path, bytes)
    return
  }
  const { head, tail } = spreadElf(bytes, gap)
  const fd = openSync(path, 'w')
  writeSync(fd, head, 0, head.length, 0)
  writeSync(fd, tail, 0, tail.length, gap)
  closeSync(fd)
}

function makeProgram(
  machine: Machine,
  gap: number,
): { bytes: Uint8Array } & Pick<UprobeTarget, 'offsets' | 'counter'> {
  const { layout } = machine
  const counterOffset = firstSectionOffset(2, ALIGNMENT, layout)
  const codeOffset = counterOffset + ALIGNMENT
  const exit = machine.exit(DATA.address + counterOffset)
  const body = [...machine.nop, ...machine.nop, ...machine.return]
  const calls = CALLS.reduce((sum, [, count]) => sum + count, 0)
  const callSize = machine.call(0).length
  const functionsAt = machine.wait.length + calls * callSize + exit.length
  const starts = CALLS.map((_, i) => functionsAt + i * body.length)

  const code = [...machine.wait]
  for (const [i, [, count]] of CALLS.entries()) {
    for (let n = 0; n < count; n++) code.push(...machine.call(starts[i]! - code.length))
  }
  code.push(...exit, ...CALLS.flatMap(() => body))

  const functions = CALLS.map(
    ([name], i): SymbolSource => ({ name, value: CODE.address + codeOffset + starts[i]!, section: 2 }),
  )
  const strings = new StringTableBuilder()
  const exported = functions
    .filter(({ name }) => name.includes('@'))
    .map(each => ({ ...each, name: 'gamma' }))
  const dynamic = symbolTable(exported, strings, 'little', layout)
  const versions = versionDefinitions(['V1', 'V2'], strings)
  const bytes = writeElf({
    bits: layout.bits,
    type: ET_EXEC,
    machine: machine.elf,
    entry: CODE.address + codeOffset,
    segments: [CODE, DATA],
    sections: [
      { name: '.probes', base: DATA.address, data: new Uint8Array(2), alignment: ALIGNMENT },
      {
        name: '.text',
        flags: SHF_EXECINSTR,
        base: CODE.address,
        data: Uint8Array.from(code),
        alignment: ALIGNMENT,
      },
      {
        name: '.dynsym',
        type: sectionTypes.dynsym,
        link: '.dynstr',
        info: 1,
        entrySize: layout.symbol.size,
        data: dynamic,
      },
      { name: '.dynstr', type: sectionTypes.strtab, data: strings.build() },
      // Version 2 is hidden, version 3 the default.
      {
        name: '.gnu.version',
        type: sectionTypes.versions,
        link: '.dynsym',
        data: new Uint8Array(Uint16Array.of(0, 0x8002, 3).buffer),
      },
      {
        name: '.gnu.version_d',
        type: sectionTypes.versionDefinitions,
        link: '.dynstr',
        info: 2,
        data: versions,
      },
    ],
    symbols: [
      ...functions
        .filter(({ name }) => name === 'twin')
        .map(each => ({ ...each, binding: 'local' as const })),
      ...functions.filter(({ name }) => !name.includes('@') && name !== 'twin'),
    ],
  })
  const at = (name: string): number => gap + codeOffset + starts[CALLS.findIndex(([each]) => each === name)]!
  const offsets = {
    alpha: at('alpha'),
    beta: at('beta'),
    'gamma@V1': at('gamma@V1'),
    'gamma@@V2': at('gamma@@V2'),
    twin: at('twin'),
  }
  return { bytes, offsets, counter: gap + counterOffset }
}
