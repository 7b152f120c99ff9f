/**
 * The sources as text, with what they import: for tests of the architecture.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A file of `src`. */
export interface SourceFile {
  /** Path below `src`, such as `maps/map.ts`. */
  readonly path: string
  readonly text: string
  /** Files it imports, below `src`; types count. */
  readonly imports: readonly string[]
  /** Packages and built-in modules that it imports or requires: `node:fs`, `debug`. */
  readonly packages: readonly string[]
}

/** Everything that names a module: `from '...'`, `import '...'`, `import('...')`, `require('...')`. */
const MODULE = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\brequire\(\s*)'([^'\n]+)'/g
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm

/** Reads all of `src`. */
export function readSources(): SourceFile[] {
  return readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts'))
    .sort()
    .map(path => {
      const text = readFileSync(join('src', path), 'utf8')
      const modules = [...text.replace(COMMENT, '').matchAll(MODULE)].map(([, name]) => name!)
      return {
        path,
        text,
        imports: modules.filter(name => name.startsWith('.')).map(name => join(dirname(path), name)),
        packages: modules.filter(name => !name.startsWith('.')),
      }
    })
}

/**
 * Circles of files: each reaches all others of its circle by imports; types count.
 *
 * Source: R. Tarjan, "Depth-first search and linear graph algorithms" (1972).
 *
 * @returns the paths of each circle, sorted
 */
export function importCircles(files: readonly Pick<SourceFile, 'path' | 'imports'>[]): string[][] {
  const imports = new Map(files.map(each => [each.path, each.imports]))
  /** When a file was reached, and the earliest file of the open ones that it reaches. */
  const order = new Map<string, number>()
  const earliest = new Map<string, number>()
  const open: string[] = []
  const circles: string[][] = []
  const visit = (path: string): void => {
    const own = order.size
    order.set(path, own)
    earliest.set(path, own)
    open.push(path)
    for (const next of imports.get(path) ?? []) {
      if (!order.has(next)) visit(next)
      if (open.includes(next)) earliest.set(path, Math.min(earliest.get(path)!, earliest.get(next)!))
    }
    if (earliest.get(path) !== own) return
    const circle = open.splice(open.indexOf(path))
    if (circle.length > 1 || imports.get(path)?.includes(path)) circles.push(circle.sort())
  }
  for (const { path } of files) if (!order.has(path)) visit(path)
  return circles
}

/** Exported symbols of a file without a doc comment right before them; a block of constants needs one at its head. */
export function undocumentedExports(text: string): string[] {
  const lines = text.split('\n')
  const declaration =
    /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/
  const missing: string[] = []
  let previous = ''
  lines.forEach((line, i) => {
    const name = declaration.exec(line)?.[1]
    if (name === undefined) return
    const before = lines[i - 1] ?? ''
    const inBlock =
      /^export const \w+(?:: \w+)? = .+/.test(before) && /^export const \w+(?:: \w+)? = .+/.test(line)
    // The comment of the first overload is that of all.
    const isOverload = name === previous
    if (!before.endsWith('*/') && !isOverload && !(inBlock && !missing.includes(previous))) missing.push(name)
    previous = name
  })
  return missing
}
