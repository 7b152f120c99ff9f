/**
 * The package as it is published, for the tests that need it: most import `src`.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isFresh } from './freshness.ts'

/** The file that the package's build writes last. */
const PRODUCT = 'dist/cli/main.js'
/** What the package is built from, and by. */
const SOURCES = [
  'src',
  'lab/package',
  'package.json',
  'tsconfig.base.json',
  'tsconfig.json',
  'tsconfig.package.json',
] as const

/** The library by its name, a file of the package, or an example, which imports the library by its name. */
const USE = /['"`]ebpf-ts(?:\/[\w-]+)?(?:['"`]|\$\{)|\bdist(?:\/|\$\{)|\/examples\//

/** Files of the project that a source imports, or starts as a worker or a process. */
const RELATIVE = /(?:\bfrom|\bimport|\bimport\(|new URL\()\s*['"`](\.{1,2}\/[^'"`$]+)['"`]/g

/** Builds the package, unless nothing has changed since it was built. Throws when it cannot be built. */
export function buildPackage(): void {
  if (isFresh(PRODUCT, SOURCES)) return
  console.log('building the package')
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' })
  if (status !== 0) throw new Error('The package cannot be built (npm run build)')
}

/**
 * Whether any of some sources, or what they import, uses the package. A source that only names it, as in a comment, counts
 * too: building it for nothing takes seconds, and a test without it fails.
 *
 * @param sources such as `test/unit/btf/codec.test.ts`
 */
export function usesPackage(sources: readonly string[]): boolean {
  const seen = new Set(sources)
  for (const file of seen) {
    if (file.startsWith('src/')) continue
    const text = readFileSync(file, 'utf8')
    if (USE.test(text)) return true
    for (const imported of importsOf(file, text)) seen.add(imported)
  }
  return false
}

function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(RELATIVE)]
    .map(([, path]) => join(dirname(file), path!.replace(/\.js$/, '.ts')))
    .filter(path => path.endsWith('.ts') && existsSync(path))
}
