/**
 * Why a probe cannot be put on a function, in words: the kernel returns only an errno.
 *
 * @module
 */

import { unlessRefused } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { type KernelSymbol, KernelSymbols, splitModule } from './kallsyms.ts'
import { isTraceable, kprobeBlacklist } from './traceable.ts'

/** What is to be attached to a function. */
export type ProbeKind = 'kprobe' | 'kprobe_multi' | 'fentry'

/** What to do about a name that several functions have: each kind of probe takes other things than names. */
const APART: Readonly<Record<ProbeKind, string>> = {
  kprobe: 'give an address, or MODULE:NAME where that distinguishes them',
  kprobe_multi: 'give addresses',
  fentry: 'give MODULE:NAME where that distinguishes them; types do not',
}

/** Facts about a function's name. */
export interface FunctionFacts {
  /** Symbols of that name that are functions, with the module that has each; `undefined` when they cannot be read. */
  readonly modules: readonly (string | undefined)[] | undefined
  /** Symbols that the compiler made of a function of that name: `name.isra.0`, `name.cold`. */
  readonly variants: readonly string[]
  /** The function whose name is most like it, where no symbol has the name. */
  readonly similar: string | undefined
  readonly blacklisted: boolean
  /** Whether ftrace can trace it; `undefined` when the list cannot be read. */
  readonly traceable: boolean | undefined
}

/** What is known of a function. Each fact is read when it is asked for: it may take the kernel a tenth of a second. */
export function functionFacts(name: string): FunctionFacts {
  const [, plain] = splitModule(name)
  const symbols = unlessRefused(() => KernelSymbols.read())
  return {
    modules: symbols
      ?.find(name)
      .filter(isFunction)
      .map(({ module }) => module),
    get variants() {
      return symbols?.variants(plain) ?? []
    },
    get similar() {
      return symbols === undefined ? undefined : nearest(plain, functionNames(symbols))
    },
    get blacklisted() {
      return kprobeBlacklist().has(plain)
    },
    get traceable() {
      return unlessRefused(() => isTraceable(name))
    },
  }
}

function* functionNames(symbols: KernelSymbols): Generator<string> {
  for (const { name } of symbols.functions()) yield name
}

const isFunction = ({ type }: KernelSymbol): boolean => /[tTwW]/.test(type)

/**
 * Says why a function of the running kernel cannot be probed.
 *
 * @param name of the function, `'module:name'` for one of a module
 * @returns `undefined` when no reason is known
 */
export function explainFunction(name: string, kind: ProbeKind): string | undefined {
  return explainByFacts(name, kind, functionFacts(name))
}

/** As `explainFunction`, from given facts. */
export function explainByFacts(name: string, kind: ProbeKind, facts: FunctionFacts): string | undefined {
  const { modules } = facts
  if (modules?.length === 0) {
    const { variants } = facts
    const similar = variants.length === 0 ? facts.similar : undefined
    const made =
      variants.length === 0
        ? 'no such function exists, or the compiler inlined it everywhere, or its module is not loaded'
        : `the compiler inlined it or made other functions of it: ${variants.slice(0, 5).join(', ')}`
    const like = similar === undefined ? '' : `; did you mean ${similar}?`
    return `the kernel has no symbol ${name}: ${made}${like}`
  }
  if (modules !== undefined && modules.length > 1) {
    const places = modules.map(module => module ?? 'the kernel itself').join(', ')
    return `${modules.length} functions are called ${name} (in ${places}): ${APART[kind]}`
  }
  if (kind === 'kprobe' && facts.blacklisted) {
    return `${name} is on the kernel's kprobe blacklist (NOKPROBE_SYMBOL)`
  }
  // Kernels without CONFIG_KPROBE_EVENTS_ON_NOTRACE refuse kprobes there too.
  if (facts.traceable === false) {
    return `${name} cannot be traced: it is marked notrace, or in a section that ftrace leaves alone`
  }
  return undefined
}

/** Says that the kernel's symbols cannot be read, where nothing else explains a function; `undefined` when they can. */
export function unreadableSymbols(): string | undefined {
  return unlessRefused(() => KernelSymbols.read()) === undefined
    ? 'the symbols of the kernel (/proc/kallsyms), which would say more, cannot be read'
    : undefined
}
