import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { errnos } from '../../../src/base/errno.ts'

/** Where facts of the kernel and of file formats have their home. */
const HOMES = /^src\/(?:abi\/.+|base\/errno|asm\/opcodes|btf\/format|elf\/format|syscalls\/numbers)\.ts$/

/** Tests of the tables themselves, which compare them with what the standards say. */
const ORACLES = /^test\/unit\/(?:abi|asm)\//

interface File {
  readonly path: string
  /** Text without comments. */
  readonly code: string
}

const files: readonly File[] = ['src', 'test', 'lab', 'bench', 'examples'].flatMap(folder =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(name => join(folder, name))
    .filter(path => path.endsWith('.ts') && !path.includes('node_modules'))
    .map(path => ({
      path,
      code: readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, ''),
    })),
)
const elsewhere = files.filter(({ path }) => !HOMES.test(path))

/** What a pattern finds, with the path. */
function found(among: readonly File[], pattern: RegExp): string[] {
  return among.flatMap(({ path, code }) =>
    [...code.matchAll(pattern)].map(([text]) => `${path}: ${text.trim()}`),
  )
}

test('a constant of the kernel is defined in its table, and nowhere else', t => {
  const names = files
    .filter(({ path }) => HOMES.test(path))
    .flatMap(({ code }) => [...code.matchAll(/^export const ([A-Z][A-Z0-9_]+)\b/gm)].map(([, name]) => name!))
  t.true(names.length > 150)
  t.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  )
  const all = new Set([...names, ...Object.keys(errnos)])
  t.deepEqual(
    found(elsewhere, /\bconst ([A-Z][A-Z0-9_]+)\b(?=\s*(?::\s*\w+\s*)?=)/g).filter(each =>
      all.has(each.split(' ').at(-1)!),
    ),
    [],
  )
})

test('opcodes are made of the parts in asm/opcodes.ts', t => {
  const among = elsewhere.filter(({ path }) => !ORACLES.test(path))
  t.deepEqual(found(among, /\bopcode\b *(?:[!=]==|[:=]) *(?:0x[\da-f]+|\d+)\b/gi), [])
})

test('first releases are in the tables of abi', t => {
  const among = elsewhere.filter(({ path }) => path.startsWith('src/'))
  t.deepEqual(found(among, /'[3-9]\.\d{1,2}'/g), [])
})
