/**
 * Which compiled test files to run.
 *
 * @module
 */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The source of a compiled file: `test/unit/btf/codec.test.ts` of `build/test/unit/btf/codec.test.js`. */
export function sourceOf(file: string): string {
  return file.replace(/^build\//, '').replace(/\.js$/, '.ts')
}

/** Compiled test files below a directory of `build`, without those whose source is gone. */
export function testFiles(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.test.js'))
    .map(name => join(directory, name))
    .filter(file => existsSync(sourceOf(file)))
    .sort()
}

/**
 * Files that match any of the patterns; all of them without a pattern.
 *
 * @param patterns a file, a directory or a glob, with or without `build/`; sources stand for what they compile to
 */
export function pickFiles(files: readonly string[], patterns: readonly string[]): string[] {
  if (patterns.length === 0) return [...files]
  const expressions = patterns.map(patternExpression)
  return files.filter(file => expressions.some(each => each.test(file)))
}

/** `*` matches within a name, `**` across directories, `?` one character. */
function patternExpression(pattern: string): RegExp {
  const path = pattern
    .replace(/^\.\//, '')
    .replace(/^build\//, '')
    .replace(/\.ts$/, '.js')
    .replace(/\/$/, '')
  const source = path.replace(/\*\*\/|\*\*|\*|\?|[.+^${}()|[\]\\]/g, token => {
    if (token === '**/') return '(?:.*/)?'
    if (token === '**') return '.*'
    if (token === '*') return '[^/]*'
    return token === '?' ? '[^/]' : `\\${token}`
  })
  return new RegExp(`^build/${source}(?:/.*)?$`)
}
