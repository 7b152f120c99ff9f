/**
 * Addresses of kernel functions by name.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import type { KernelSymbols } from './kallsyms.ts'

/**
 * The address of the one function with a name.
 *
 * @param name may be qualified by a module, `'module:name'`; `'vmlinux:name'` means the kernel itself
 * @throws BpfError with code `ENOENT` when it does not exist, `EADDRNOTAVAIL` when several functions have the name, `EPERM`
 *   when the kernel hides addresses from this user
 */
export function functionAddress(symbols: KernelSymbols, name: string): bigint {
  const [symbol, ...others] = symbols.find(name).filter(({ type }) => /[tw]/i.test(type))
  if (symbol === undefined || others.length > 0) {
    const code = symbol === undefined ? 'ENOENT' : 'EADDRNOTAVAIL'
    throw new BpfError(`Cannot find function ${name}`, { code })
  }
  if (symbol.address === 0n) {
    throw new BpfError(
      `Cannot find function ${name}: the kernel hides addresses from this user (kptr_restrict)`,
      { code: 'EPERM' },
    )
  }
  return symbol.address
}
