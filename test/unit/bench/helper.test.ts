import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { type HelperArchitecture, helperCode } from '../../../src/bench/helper-code.ts'
import { helperFile } from '../../../src/bench/helper-file.ts'
import { userVariants } from '../../../src/bench/user-space.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import { EM_AARCH64, EM_X86_64 } from '../../../src/elf/format.ts'
import { functionSymbols } from '../../../src/elf/functions.ts'
import { functionOffset } from '../../../src/elf/symbol-offset.ts'

const architectures: readonly HelperArchitecture[] = ['x64', 'arm64']
const CODE_OFFSET = 0x100

for (const architecture of architectures) {
  const code = helperCode(architecture)
  const elf = (): ElfFile => ElfFile.parse(helperFile(architecture, code))

  test(`the helper for ${architecture} is an ELF file with a symbol for each function`, t => {
    const functions = [...functionSymbols(elf())].map(({ name, symbol }) => [name, Number(symbol.size)])
    t.deepEqual(
      functions,
      code.functions.map(({ name, size }) => [name, size]),
    )
    for (const { name, offset } of code.functions) t.is(functionOffset(elf(), name), CODE_OFFSET + offset)
  })

  test(`the code of the helper for ${architecture} lies where its headers say`, t => {
    const bytes = helperFile(architecture, code)
    const view = new DataView(bytes.buffer)
    t.is(view.getBigUint64(24, true), BigInt(0x400000 + CODE_OFFSET + code.entry))
    t.is(view.getUint16(18, true), architecture === 'x64' ? EM_X86_64 : EM_AARCH64)
    t.deepEqual(bytes.subarray(CODE_OFFSET, CODE_OFFSET + code.bytes.length), code.bytes)
    // The one segment that is loaded reaches to the end of the code.
    t.is(view.getBigUint64(64 + 32, true), BigInt(CODE_OFFSET + code.bytes.length))
  })

  test(`every variant for ${architecture} has its function, at a place of its own`, t => {
    for (const { target } of userVariants(architecture))
      t.notThrows(() => functionOffset(elf(), target), target)
    t.is(new Set(code.functions.map(({ offset }) => offset)).size, code.functions.length)
    t.true(code.functions.every(({ offset }) => offset % 16 === 0))
  })
}

test('the functions for x86-64 start with the instruction that they are named after', t => {
  const { bytes, functions } = helperCode('x64')
  const start = (name: string, length: number): number[] => {
    const { offset } = functions.find(each => each.name === name)!
    return [...bytes.subarray(offset, offset + length)]
  }
  t.deepEqual(start('nop', 1), [0x90])
  t.deepEqual(start('push', 1), [0x55])
  t.deepEqual(start('ret', 1), [0xc3])
  t.deepEqual(start('nop5', 5), [0x0f, 0x1f, 0x44, 0, 0])
  t.deepEqual(start('usdt_nop', 2), [0x55, 0x90])
  t.deepEqual(start('usdt_nop5', 6), [0x55, 0x0f, 0x1f, 0x44, 0, 0])
})

test('branches for arm64 go where they should', t => {
  const { bytes, entry } = helperCode('arm64')
  const view = new DataView(bytes.buffer)
  const word = (offset: number): number => view.getUint32(offset, true)
  // As llvm-objdump reads it: `adr x19` is the fourth instruction, and goes back to the first function.
  const adr = word(entry + 12)
  const distance = (((((adr >> 5) & 0x7ffff) << 13) >> 13) << 2) | ((adr >> 29) & 3)
  t.is(adr & 0x9f00001f, 0x10000013)
  t.is(distance, -(entry + 12))
})

const native = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64')
const nativeTest = native ? test : test.skip

nativeTest('the helper calls each function, and prints the time that it took', t => {
  const architecture = process.arch as HelperArchitecture
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-helper-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'helper')
  const code = helperCode(architecture)
  writeFileSync(path, helperFile(architecture, code), { mode: 0o755 })
  for (const index of code.functions.keys()) {
    const run = (count: number): number => {
      const output = execFileSync(path, [String(index), String(count)], { encoding: 'utf8' })
      t.regex(output, /^\d+\n$/)
      return Number(output)
    }
    // Two million calls take longer than one, by three orders of magnitude: more than any noise.
    t.true(run(2_000_000) > run(1))
  }
})
