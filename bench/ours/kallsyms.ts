/**
 * Rows of the kernel's symbols.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { KernelSymbols } from 'ebpf-ts/symbols'
import { check, clock, now, rounds, type Setup, Unavailable } from '../work.ts'

/** How many symbols are looked up in turn. */
const COUNT = 1000

interface Listed {
  readonly address: bigint
  readonly name: string
}

/**
 * Symbols all over the kernel, that have a name and an address of their own.
 *
 * @throws Unavailable when the kernel hides addresses
 */
function listSymbols(): Listed[] {
  const lines = readFileSync('/proc/kallsyms', 'latin1').trimEnd().split('\n')
  const names = new Map<string, number>()
  const addresses = new Map<string, number>()
  const parsed = lines.map(line => {
    const [address = '', , name = ''] = line.split(/[ \t]/)
    names.set(name, (names.get(name) ?? 0) + 1)
    addresses.set(address, (addresses.get(address) ?? 0) + 1)
    return { address, name }
  })
  if (addresses.size === 1) throw new Unavailable('the kernel hides its addresses')
  const own = parsed.filter(({ address, name }) => names.get(name) === 1 && addresses.get(address) === 1)
  const step = Math.floor(own.length / COUNT)
  return Array.from({ length: COUNT }, (_, i) => {
    const { address, name } = own[i * step]!
    return { address: BigInt(`0x${address}`), name }
  })
}

/** The address of a function, found without the library. */
function addressOf(name: string): bigint {
  const text = readFileSync('/proc/kallsyms', 'latin1')
  const [, digits] = new RegExp(`^([0-9a-f]+) T ${name}$`, 'm').exec(text) ?? []
  if (digits === undefined || /^0+$/.test(digits)) throw new Unavailable('the kernel hides its addresses')
  return BigInt(`0x${digits}`)
}

const first: Setup = () => {
  const read = addressOf('vfs_read')
  const write = addressOf('vfs_write')
  return {
    sweep() {
      const start = now()
      const symbols = KernelSymbols.read()
      const at = symbols.at(read + 4n)
      const [found] = symbols.find('vfs_write')
      const ns = now() - start
      check(at?.symbol.name === 'vfs_read' && at.offset === 4, 'the address was not found')
      check(found?.address === write, 'the name was not found')
      return { ns, ops: 1 }
    },
    [Symbol.dispose]: () => {},
  }
}

const byAddress: Setup = options => {
  const listed = listSymbols()
  const symbols = KernelSymbols.read()
  const found = (): number =>
    listed.filter(({ address, name }) => symbols.at(address)?.symbol.name === name).length
  check(found() === COUNT, 'an address has another symbol')
  const round = (): number => {
    let missing = 0
    const time = clock(() => {
      for (const { address } of listed) if (symbols.at(address) === undefined) missing++
    })
    check(missing === 0, `${missing} addresses have no symbol`)
    return time
  }
  return rounds(options, COUNT, round, () => {})
}

const byName: Setup = options => {
  const listed = listSymbols()
  const symbols = KernelSymbols.read()
  const [last] = symbols.find(listed[COUNT - 1]!.name)
  check(last?.address === listed[COUNT - 1]!.address, 'a name has another address')
  const round = (): number => {
    let wrong = 0
    const time = clock(() => {
      for (const { name, address } of listed) if (symbols.find(name)[0]?.address !== address) wrong++
    })
    check(wrong === 0, `${wrong} names have another address`)
    return time
  }
  return rounds(options, COUNT, round, () => {})
}

/** `kallsyms-first` to `kallsyms-name`. */
export const kallsymsSetups: Readonly<Record<string, Setup>> = {
  'kallsyms-first': first,
  'kallsyms-addr': byAddress,
  'kallsyms-name': byName,
}
