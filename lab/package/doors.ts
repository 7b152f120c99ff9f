/**
 * Doors of the package and the symbols that they export, as the compiler sees them.
 *
 * @module
 */

import { resolve } from 'node:path'
import ts from 'typescript'

/** What the compiler wrote of `src`. */
export const DECLARATIONS: string = resolve('build/declarations')

/** A door. */
export interface Door {
  /** `'ebpf-ts/maps'`. */
  readonly specifier: string
  /** Folder of `src`. */
  readonly room: string
  readonly documentation: string
  readonly exports: readonly { readonly name: string; readonly symbol: ts.Symbol }[]
}

/** What an alias stands for; anything else is itself. */
export function resolved(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

/** Whether a symbol is there at run time. */
export const isValue = (symbol: ts.Symbol): boolean => (symbol.flags & ts.SymbolFlags.Value) !== 0

/** File of a symbol below the declarations, `undefined` when it is of another package. */
export function fileOf(symbol: ts.Symbol): string | undefined {
  const file = symbol.declarations?.[0]?.getSourceFile().fileName
  return file?.startsWith(`${DECLARATIONS}/`) === true ? file.slice(DECLARATIONS.length + 1) : undefined
}

const roomOf = (symbol: ts.Symbol): string | undefined => fileOf(symbol)?.split('/')[0]

/** The door whose report describes a symbol: that of its room, else the first that exports it. */
export function homesOf(doors: readonly Door[]): Map<ts.Symbol, Door> {
  const homes = new Map<ts.Symbol, Door>()
  for (const door of doors)
    for (const { symbol } of door.exports)
      if (roomOf(symbol) === door.room || !homes.has(symbol)) homes.set(symbol, door)
  return homes
}

/** Names that doors export for different things. */
export function clashesOf(doors: readonly Door[]): string[] {
  const named = new Map<string, Map<ts.Symbol, string[]>>()
  for (const { specifier, exports } of doors) {
    for (const { name, symbol } of exports) {
      const things = named.get(name) ?? new Map<ts.Symbol, string[]>()
      named.set(name, things.set(symbol, [...(things.get(symbol) ?? []), specifier]))
    }
  }
  return [...named]
    .filter(([, things]) => things.size > 1)
    .map(([name, things]) => `${name}: ${[...things.values()].flat().join(', ')}`)
}

/** Types of the package that the declarations of a symbol name and no door exports. */
export function unexportedTypes(
  checker: ts.TypeChecker,
  symbol: ts.Symbol,
  homes: ReadonlyMap<ts.Symbol, Door>,
): Set<ts.Symbol> {
  const unexported = new Set<ts.Symbol>()
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const found = checker.getSymbolAtLocation(node)
      const named = found && resolved(checker, found)
      // Constants are only the way to write a type; the report has what it comes to.
      const isType = named !== undefined && (named.flags & ts.SymbolFlags.Type) !== 0
      if (isType && isTopLevel(named) && fileOf(named) !== undefined && !homes.has(named))
        unexported.add(named)
    }
    ts.forEachChild(node, visit)
  }
  for (const declaration of symbol.declarations ?? []) visit(declaration)
  unexported.delete(symbol)
  return unexported
}

/** Whether a type only computes another, as `KeyOf<M>` may: users need no name for it, the report has it. */
function isHelper({ declarations }: ts.Symbol): boolean {
  const [declaration] = declarations ?? []
  return (
    declaration !== undefined &&
    ts.isTypeAliasDeclaration(declaration) &&
    declaration.typeParameters !== undefined
  )
}

/** Types that users need a name for and do not have: what exports and helpers name, with the exports that do. */
export function forgottenOf(checker: ts.TypeChecker, homes: ReadonlyMap<ts.Symbol, Door>): string[] {
  const users = new Map<ts.Symbol, Set<string>>()
  for (const exported of homes.keys()) {
    const named = unexportedTypes(checker, exported, homes)
    for (const each of named) {
      if (isHelper(each)) for (const inner of unexportedTypes(checker, each, homes)) named.add(inner)
      else users.set(each, (users.get(each) ?? new Set()).add(exported.name))
    }
  }
  return [...users].map(([{ name }, by]) => `${name}, by ${[...by].join(', ')}`).sort()
}

const isTopLevel = (symbol: ts.Symbol): boolean => {
  const parent = symbol.declarations?.[0]?.parent
  return parent !== undefined && ts.isSourceFile(parent)
}
