/**
 * Names of Rust functions in the form that programmers write. Pure.
 *
 * Source: RFC 2603; rustc compiler/rustc_symbol_mangling, `legacy.rs` and `v0.rs`.
 *
 * @module
 */

import { demangleV0 } from './rust-v0.ts'

/** Escapes of the old mangling: those of one character by their name. */
const ESCAPES: Readonly<Record<string, string>> = {
  SP: '@',
  BP: '*',
  RF: '&',
  LT: '<',
  GT: '>',
  LP: '(',
  RP: ')',
  C: ',',
}
/** The hash that ends every name in the old mangling, which looks like one of C++. */
const HASH = /^h[\da-f]{16}$/

/**
 * The readable form of a Rust symbol, without hashes: `'core::fmt::write'`.
 *
 * @returns `undefined` for a name that is not of Rust
 */
export function demangleRust(symbol: string): string | undefined {
  // Optimisers write behind a dot what they have made of the function.
  const [, name = '', suffix = ''] = /^(_R\w+|_ZN.+?E)((?:\.[\w.@]+)?)$/s.exec(symbol) ?? []
  const made = suffix.replace(/\.llvm\.[\dA-F@]+$/i, '')
  const found = name.startsWith('_R') ? demangleV0(name.slice(2)) : demangleLegacy(symbol.slice(3))
  if (found === undefined) return undefined
  return name.startsWith('_R') && made !== '' ? `${found}${made}` : found
}

function demangleLegacy(text: string): string | undefined {
  const parts: string[] = []
  let at = 0
  while (text[at] !== 'E') {
    const [digits] = /^\d+/.exec(text.slice(at, at + 6)) ?? []
    if (digits === undefined) return undefined
    at += digits.length
    const end = at + Number(digits)
    if (end >= text.length) return undefined
    parts.push(text.slice(at, end))
    at = end
  }
  const suffix = text.slice(at + 1).replace(/\.llvm\.[\dA-F@]+$/i, '')
  if (parts.length < 2 || !HASH.test(parts.pop()!) || (suffix !== '' && suffix[0] !== '.')) return undefined
  return parts.map(unescaped).join('::') + suffix
}

function unescaped(part: string): string {
  const text = part.startsWith('_$') ? part.slice(1) : part
  return text
    .replace(/\$(\w+)\$/g, (whole, name: string) => {
      if (Object.hasOwn(ESCAPES, name)) return ESCAPES[name]!
      const code = /^u([\da-f]{1,6})$/.test(name) ? Number.parseInt(name.slice(1), 16) : 0
      return code >= 0x20 && code <= 0x10_ffff ? String.fromCodePoint(code) : whole
    })
    .replaceAll('..', '::')
}
