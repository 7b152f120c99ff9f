/**
 * Values of the externs in `.kconfig`: options of the kernel's configuration, and facts about the kernel that libbpf
 * calls virtual options.
 *
 * Source: libbpf `bpf_object__resolve_externs`, `set_kcfg_value_tri`, `set_kcfg_value_str`, `set_kcfg_value_num`,
 * `is_kcfg_value_in_range`.
 *
 * @module
 */

import type { ByteOrder } from '../base/bytes.ts'
import { BpfError } from '../base/errors.ts'
import { attachCookie, kernelConfig, parseKconfig } from '../kernel/kconfig.ts'
import { kernelVersion } from '../kernel/version.ts'
import type { KconfigExtern } from '../programs/extern-spec.ts'
import { KernelSymbols } from '../symbols/kallsyms.ts'
import { syscallPrefix } from '../symbols/syscall-wrapper.ts'

/**
 * Options that go before those of the running kernel: text as in `.config`, or values by name (`CONFIG_HZ`). A boolean
 * is `y` or `n`; a text is what `.config` has behind `=`, whose quotes may be left out where the extern is a string.
 */
export type Kconfig = string | Readonly<Record<string, string | number | bigint | boolean>>

/** Where values come from; the defaults read the running kernel. */
export interface KconfigSources {
  /** Its configuration. */
  config(): ReadonlyMap<string, string>
  /** Virtual options by name. */
  facts: Readonly<Record<string, () => bigint>>
}

const runningKernel: KconfigSources = {
  config: () => kernelConfig(),
  facts: {
    LINUX_KERNEL_VERSION: () => BigInt(kernelVersion().code),
    LINUX_HAS_BPF_COOKIE: () => BigInt(attachCookie.probe() === 'yes'),
    LINUX_HAS_SYSCALL_WRAPPER: () => BigInt(syscallPrefix(process.arch, KernelSymbols.read()) !== 'sys_'),
  },
}

const OPTION = 'CONFIG_'
const FACT = 'LINUX_'

/**
 * Makes the value of the `.kconfig` map.
 *
 * @param size bytes of the map's value
 * @param given options that go before the kernel's; when they say everything, the kernel's are not read
 * @throws BpfError `ERR_KCONFIG` when an option that is not weak is missing, or one has a value that its extern cannot
 *   hold
 * @throws TypeError when `given` has a name that is not of an option
 */
export function kconfigValues(
  externs: readonly KconfigExtern[],
  { size, byteOrder, given }: { size: number; byteOrder: ByteOrder; given?: Kconfig | undefined },
  sources: KconfigSources = runningKernel,
): Uint8Array {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  const set = (extern: KconfigExtern, value: string | bigint): void => {
    if (extern.type === 'string') bytes.set(textOf(extern, value), extern.offset)
    else writeInteger(view, extern, numberOf(extern, value), byteOrder === 'little')
  }
  const own = givenOptions(given, externs)
  const missing: KconfigExtern[] = []
  for (const extern of externs) {
    const { name } = extern
    if (!name.startsWith(OPTION)) set(extern, factOf(extern, sources))
    else if (own.has(name)) set(extern, own.get(name)!)
    else missing.push(extern)
  }
  if (missing.length === 0) return bytes
  const config = readConfig(missing, sources)
  for (const extern of missing) {
    const value = config.get(extern.name)
    if (value !== undefined) set(extern, value)
    else if (!extern.weak)
      throw kconfigError(extern, "the kernel's configuration does not have it, and it is not weak")
  }
  return bytes
}

function kconfigError({ name }: KconfigExtern, reason: string, cause?: unknown): BpfError {
  return new BpfError(`Cannot set ${name}: ${reason}`, {
    code: 'ERR_KCONFIG',
    ...(cause !== undefined && { cause }),
  })
}

/** The given options as they would be written in a configuration. */
function givenOptions(given: Kconfig = {}, externs: readonly KconfigExtern[]): ReadonlyMap<string, string> {
  if (typeof given === 'string') return parseKconfig(given)
  const strings = new Set(externs.filter(({ type }) => type === 'string').map(({ name }) => name))
  return new Map(
    Object.entries(given).map(([name, value]) => {
      if (!name.startsWith(OPTION)) {
        throw new TypeError(`Cannot set ${JSON.stringify(name)}: the names of options begin with ${OPTION}`)
      }
      if (typeof value === 'boolean') return [name, value ? 'y' : 'n'] as const
      const bare = typeof value === 'string' && strings.has(name) && !isQuoted(value)
      return [name, bare ? `"${value}"` : String(value)] as const
    }),
  )
}

function readConfig(missing: readonly KconfigExtern[], sources: KconfigSources): ReadonlyMap<string, string> {
  try {
    return sources.config()
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    // A weak option may be missing, but only the configuration says whether it is.
    throw kconfigError(missing[0]!, `${error.message}; give its value in the option kconfig`, error)
  }
}

function factOf(extern: KconfigExtern, { facts }: KconfigSources): bigint {
  const { name, weak } = extern
  if (Object.hasOwn(facts, name)) return facts[name]!()
  if (weak && name.startsWith(FACT)) return 0n
  throw kconfigError(extern, `no such fact; known: ${Object.keys(facts).join(', ')}`)
}

const TRISTATE: Readonly<Record<string, bigint>> = { n: 0n, y: 1n, m: 2n }

/** A value as a number that fits its extern, which is not a string. */
function numberOf(extern: KconfigExtern, value: string | bigint): bigint {
  const { type } = extern
  if (typeof value === 'string' && Object.hasOwn(TRISTATE, value)) {
    if (type === 'tristate' || (type === 'bool' && value !== 'm')) return TRISTATE[value]!
    if (type === 'char') return BigInt(value.charCodeAt(0))
    throw kconfigError(extern, `its value ${value} is not of type ${type}`)
  }
  // Of what a configuration has, numbers are only for numbers; a fact may also be a boolean.
  const isBoolean = type === 'bool' && (value === 0n || value === 1n)
  const takes = type === 'int' || type === 'char' || isBoolean
  const number = typeof value === 'bigint' ? value : parseInteger(value)
  if (number === undefined || !takes) throw kconfigError(extern, `its value ${value} is not of type ${type}`)
  const bits = extern.size * 8
  const [least, most] = extern.signed
    ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]
    : [0n, (1n << BigInt(bits)) - 1n]
  // As in C, a number of 64 bits is either of two: libbpf takes both for both.
  if (extern.size === 8 ? number < -(1n << 63n) || number >= 1n << 64n : number < least || number > most) {
    throw kconfigError(
      extern,
      `its value ${value} does not fit ${extern.signed ? 'signed' : 'unsigned'} ${bits} bits`,
    )
  }
  return number
}

/** Decimal, octal or hexadecimal, as C writes them. */
function parseInteger(text: string): bigint | undefined {
  const [, sign, hex, octal, decimal] =
    /^([+-]?)(?:0x([\da-f]{1,16})|0([0-7]{1,22})|(0|[1-9]\d{0,19}))$/i.exec(text) ?? []
  const digits = hex === undefined ? (octal === undefined ? decimal : `0o${octal}`) : `0x${hex}`
  if (digits === undefined) return undefined
  return sign === '-' ? -BigInt(digits) : BigInt(digits)
}

function writeInteger(view: DataView, { offset, size }: KconfigExtern, value: bigint, little: boolean): void {
  if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, value), little)
  else if (size === 4) view.setUint32(offset, Number(BigInt.asUintN(32, value)), little)
  else if (size === 2) view.setUint16(offset, Number(BigInt.asUintN(16, value)), little)
  else view.setUint8(offset, Number(BigInt.asUintN(8, value)))
}

/** A text without its quotes, cut so that a NUL is left at the end of the extern. */
function textOf(extern: KconfigExtern, value: string | bigint): Uint8Array {
  if (typeof value !== 'string' || !isQuoted(value)) {
    throw kconfigError(extern, `its value ${value} is not of type string`)
  }
  return new TextEncoder().encode(value.slice(1, -1)).subarray(0, extern.size - 1)
}

function isQuoted(value: string): boolean {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"')
}
