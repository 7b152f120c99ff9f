/**
 * Which functions of the kernel can be traced.
 *
 * Source: Documentation/trace/ftrace.rst (`available_filter_functions`), Documentation/trace/kprobes.rst
 * (`kprobes/blacklist`).
 *
 * @module
 */

import { join } from 'node:path'
import { BpfError } from '../base/errors.ts'
import { explainPermission, permissionFacts } from '../kernel/permission.ts'
import { readTextIfPresent } from '../kernel/read-text.ts'
import { tracefsPath } from '../kernel/tracefs.ts'
import { splitModule } from './kallsyms.ts'

/** A function that ftrace can trace, and so kprobe_multi and fentry can attach to. */
export interface TraceableFunction {
  readonly name: string
  /** Address of its trace site (6.5); `undefined` on kernels that do not tell. */
  readonly address: bigint | undefined
  readonly module: string | undefined
}

const BLACKLIST = '/sys/kernel/debug/kprobes/blacklist'
/** Stands for functions that were weak and lost against others (6.1). */
const INVALID = '__ftrace_invalid_address__'

/**
 * Reads which functions can be traced; some ten thousand.
 *
 * @throws BpfError when tracefs is not mounted, the kernel has no function tracer, or is locked down (`EPERM`)
 */
export function traceableFunctions(): TraceableFunction[] {
  const root = tracefsPath()
  const withAddresses = tryRead(join(root, 'available_filter_functions_addrs'))
  if (withAddresses !== undefined) return parseTraceableFunctions(withAddresses, true)
  const text = tryRead(join(root, 'available_filter_functions'))
  if (text !== undefined) return parseTraceableFunctions(text, false)
  throw noFunctions()
}

function noFunctions(): BpfError {
  // The file is there for root alone, and a locked-down kernel keeps it from root too.
  const refused = explainPermission(permissionFacts(), { capabilities: [], lockdown: true, memory: false })
  return new BpfError(
    `Cannot list the functions that can be traced: ${refused ?? 'this kernel has no function tracer'}`,
    { code: refused === undefined ? 'ENOENT' : 'EPERM' },
  )
}

/** Parses lines `[ADDRESS] NAME [MODULE]`, the module in brackets. */
export function parseTraceableFunctions(text: string, addresses: boolean): TraceableFunction[] {
  const functions: TraceableFunction[] = []
  for (const line of text.split('\n')) {
    const match = (addresses ? /^([0-9a-f]+) (\S+)(?: \[(.+)\])?/ : /^()(\S+)(?: \[(.+)\])?/).exec(line)
    if (match === null) continue
    const [, address, name = '', module] = match
    if (name.startsWith(INVALID)) continue
    functions.push({ name, address: addresses ? BigInt(`0x${address}`) : undefined, module })
  }
  return functions
}

/**
 * Whether a function can be traced.
 *
 * @param name may be qualified by a module, `'module:name'`; `'vmlinux:name'` means the kernel itself
 * @throws BpfError as `traceableFunctions` does
 */
export function isTraceable(name: string): boolean {
  return listsFunction(functionList(), name)
}

/** Whether a name, which may be qualified by a module, stands in lines `NAME [MODULE]`. */
export function listsFunction(text: string, name: string): boolean {
  const [module, plain] = splitModule(name)
  if (plain === '') return false
  const ends = [module === undefined || module === 'vmlinux' ? '\n' : ` [${module}]`]
  if (module === undefined) ends.push(' ')
  for (let at = text.indexOf(plain); at !== -1; at = text.indexOf(plain, at + 1)) {
    if (at > 0 && text[at - 1] !== '\n') continue
    const end = at + plain.length
    if (ends.some(each => text.startsWith(each, end)) || (end === text.length && ends[0] === '\n'))
      return true
  }
  return false
}

/** Lines `NAME [MODULE]`. */
function functionList(): string {
  const text = tryRead(join(tracefsPath(), 'available_filter_functions'))
  if (text === undefined) throw noFunctions()
  return text
}

/** The last answer of `ambiguousFunctions`, and the modules that it was for. */
let ambiguous: { readonly modules: string; readonly names: ReadonlySet<string> } | undefined

/**
 * Names that several functions have which can be traced; the kernel takes any of these for it.
 *
 * Listing functions takes the kernel longer than attaching to a thousand of them, so the answer is kept. The kernel's
 * own functions never change, others come and go with their modules: it is asked again once there are other modules.
 *
 * @throws BpfError as `traceableFunctions` does
 */
export function ambiguousFunctions(): ReadonlySet<string> {
  // Before the functions: should a module come in between, the next call finds other modules.
  const modules = loadedModules(tryRead('/proc/modules') ?? '')
  if (ambiguous?.modules !== modules) {
    ambiguous = { modules, names: repeatedNames(functionList()) }
  }
  return ambiguous.names
}

/**
 * What of the lines `NAME SIZE REFERENCES USERS STATE ADDRESS` distinguishes modules: neither how often each is used nor
 * by whom.
 */
export function loadedModules(text: string): string {
  return text.replaceAll(/^(\S+ \d+) \S+ \S+ /gm, '$1 ')
}

/** Names that stand more than once in lines `NAME [MODULE]`. */
export function repeatedNames(text: string): Set<string> {
  const once = new Set<string>()
  const repeated = new Set<string>()
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ')
    const name = space === -1 ? line : line.slice(0, space)
    if (!once.has(name)) once.add(name)
    else if (name !== '' && !name.startsWith(INVALID)) repeated.add(name)
  }
  return repeated
}

/**
 * Names of functions that kprobes must not touch, such as those that kprobes are made of; empty when debugfs is not
 * mounted.
 */
export function kprobeBlacklist(): Set<string> {
  const names = new Set<string>()
  for (const line of (tryRead(BLACKLIST) ?? '').split('\n')) {
    const name = line.split('\t')[1]
    if (name !== undefined) names.add(name.replace(/ \[.*\]$/, ''))
  }
  return names
}

function tryRead(path: string): string | undefined {
  // EPERM: a locked-down kernel keeps tracefs from root too.
  return readTextIfPresent(path, ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'], 'latin1')
}
