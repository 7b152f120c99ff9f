import { readFileSync } from 'node:fs'
import { KernelSymbols } from '../../../src/symbols/kallsyms.ts'
import { kernelTest } from '../../support/kernel-test.ts'

/** The lines of the file, as another parser sees them: `[address, type, name, module]`. */
const lines = (): string[][] =>
  readFileSync('/proc/kallsyms', 'latin1')
    .trimEnd()
    .split('\n')
    .map(line => line.split(/[ \t]+/))

kernelTest('symbols all over the kernel are found by address', [], t => {
  const symbols = KernelSymbols.read()
  const first = new Map<bigint, string>()
  for (const [digits, , name = ''] of lines()) {
    const address = BigInt(`0x${digits}`)
    if (address !== 0n && !first.has(address)) first.set(address, name)
  }
  const all = [...first]
  t.is(symbols.hidden, all.length === 0)
  for (let i = 0; i < all.length; i += 1 + (all.length >> 10)) {
    const [address, name] = all[i]!
    t.is(symbols.at(address)?.symbol.name, name)
  }
})

kernelTest('symbols all over the kernel are found by name', [], t => {
  const symbols = KernelSymbols.read()
  const all = lines()
  for (let i = 0; i < all.length; i += 1 + (all.length >> 4)) {
    const [, , name = ''] = all[i]!
    const expected = all.filter(each => each[2] === name).map(each => each[3]?.slice(1, -1))
    t.deepEqual(
      symbols.find(name).map(({ module }) => module),
      expected,
      name,
    )
  }
})
