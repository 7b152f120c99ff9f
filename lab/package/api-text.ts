/**
 * The text of an API report: the declarations of a door, as TypeScript.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import ts from 'typescript'
import { type Door, fileOf, isValue, unexportedTypes } from './doors.ts'

/** The declarations of a door: what other doors and generated files have by name, then one export after the other. */
export function contents(checker: ts.TypeChecker, door: Door, homes: ReadonlyMap<ts.Symbol, Door>): string {
  const own: string[] = []
  const elsewhere = new Map<string, string[]>()
  const add = (from: string, name: string, symbol: ts.Symbol): void => {
    elsewhere.set(from, [...(elsewhere.get(from) ?? []), isValue(symbol) ? name : `type ${name}`])
  }
  const helpers = new Set<ts.Symbol>()
  for (const { name, symbol } of door.exports) {
    const home = homes.get(symbol)!
    if (home !== door) add(home.specifier, name, symbol)
    else if (fileOf(symbol)?.startsWith('abi/generated/')) add(`src/${sourceOf(symbol)}`, name, symbol)
    else {
      own.push(declarationOf(checker, symbol, 'export '))
      for (const each of unexportedTypes(checker, symbol, homes)) helpers.add(each)
    }
  }
  // A set that grows while it is walked: helpers name helpers.
  for (const helper of helpers) for (const each of unexportedTypes(checker, helper, homes)) helpers.add(each)
  const others = [...elsewhere].map(([from, names]) => `export { ${names.join(', ')} } from '${from}'`)
  const hidden = [...helpers]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(helper => declarationOf(checker, helper, ''))
  return [...others, ...own, ...hidden].join('\n\n')
}

const sourceOf = (symbol: ts.Symbol): string => fileOf(symbol)!.replace(/\.d\.ts$/, '.ts')

const printer = ts.createPrinter({ removeComments: true })

function declarationOf(checker: ts.TypeChecker, symbol: ts.Symbol, prefix: 'export ' | ''): string {
  const declarations = symbol.declarations ?? []
  const source = declarations[0]!.getSourceFile()
  const summary = firstSentence(ts.displayPartsToString(symbol.getDocumentationComment(checker)))
  const texts = declarations.map(each => {
    const node = ts.isVariableDeclaration(each) ? each.parent.parent : each
    const written = madeOfConstants(checker, each)
    const text = written ?? printer.printNode(ts.EmitHint.Unspecified, node, source)
    return text
      .replace(/^(?:export )?(?:declare )?/, prefix)
      .replace(/^ +(?:#private|private constructor\(\));\n/gm, '')
  })
  return [...(summary === '' ? [] : [`/** ${summary} */`]), ...texts].join('\n').replace(/\bdeclare /g, '')
}

/** A type that is made of constants, such as `keyof typeof errnos`, written out; `undefined` for others. */
function madeOfConstants(checker: ts.TypeChecker, node: ts.Declaration): string | undefined {
  if (!ts.isTypeAliasDeclaration(node) || node.typeParameters !== undefined) return undefined
  if (!node.type.getText().includes('typeof ')) return undefined
  const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias
  return `type ${node.name.text} = ${checker.typeToString(checker.getTypeAtLocation(node), undefined, flags)};`
}

function firstSentence(text: string): string {
  const line = text.split('\n\n')[0]!.replace(/\s+/g, ' ').trim()
  return /^.*?[.!?](?= [A-Z`]|$)/.exec(line)?.[0] ?? line
}

/** The comment at the head of a door. */
export function moduleDocumentation(source: ts.SourceFile): string {
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(source.text)?.[1] ?? ''
  return comment
    .replace(/^\s*\* ?/gm, '')
    .replace(/@module/, '')
    .replace(/\s+/g, ' ')
    .trim()
}

/** Formats sources as the repository's own are, in one process. */
export function format(sources: readonly string[]): string[] {
  const mark = '// --- next ---'
  const { stdout, status, stderr } = spawnSync(
    process.execPath,
    ['node_modules/@biomejs/biome/bin/biome', 'format', '--stdin-file-path', 'api.d.ts'],
    { input: sources.join(`\n${mark}\n`), encoding: 'utf8', maxBuffer: 1 << 26 },
  )
  if (status !== 0) throw new Error(`biome cannot format the API reports:\n${stderr}`)
  return stdout.split(mark).map(text => text.trim())
}
