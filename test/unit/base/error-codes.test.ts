import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { errnoName, errnos } from '../../../src/base/errno.ts'
import type { BpfErrorCode } from '../../../src/base/error-codes.ts'
import { fileError } from '../../../src/base/errors.ts'
import { readSources } from '../../support/house/sources.ts'

const page = readFileSync('docs/errors.md', 'utf8')
const UNION = 'base/error-codes.ts'
/** Has codes of `node:fs` as well. */
const ERRNO = 'base/errno.ts'
const sources = readSources()
const codes = [...sources.find(({ path }) => path === UNION)!.text.matchAll(/\| '(ERR_\w+)'/g)].map(
  ([, code]) => code!,
)

/** Rows of the page's tables whose first cell is code: the cells, without the first one's backquotes. */
const rows = page
  .split('\n')
  .filter(line => /^\| `E[A-Z0-9_]+`/.test(line))
  .map(line => line.split(' | ').map(cell => cell.replace(/^\| | \|$/g, '').trim()))
const documented = (pattern: RegExp): string[] =>
  rows
    .flatMap(([names]) => names!.split(', ').map(name => name.slice(1, -1)))
    .filter(name => pattern.test(name))

test('the codes of the library are in the order of the alphabet, each once', t => {
  t.true(codes.length > 20)
  t.deepEqual(codes, [...new Set(codes)].sort())
})

test('docs/errors.md lists every code of the library, with its meaning and the remedy', t => {
  t.deepEqual(documented(/^ERR_/), codes)
  for (const [name, meaning = '', remedy = ''] of rows.filter(([name]) => name!.startsWith('`ERR_'))) {
    t.true(meaning.length > 10, `${name} has no meaning`)
    t.true(remedy.length > 5, `${name} has no remedy`)
  }
})

test('each code of the library is used, and named nowhere by another name', t => {
  const code = new Set<string>()
  for (const { path, text } of sources) {
    if (path === UNION || path === ERRNO) continue
    for (const [, name] of text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '').matchAll(/'(ERR_\w+)'/g))
      code.add(name!)
    for (const [name] of text.matchAll(/\bERR_[A-Z0-9_]+\b/g))
      t.true(codes.includes(name), `${path}: ${name}`)
  }
  t.deepEqual([...code].sort(), codes)
  for (const file of readdirSync('docs').filter(name => name.endsWith('.md')))
    for (const [name] of readFileSync(join('docs', file), 'utf8').matchAll(/\bERR_[A-Z0-9_]+\b/g))
      t.true(codes.includes(name), `${file}: ${name}`)
})

test('docs/errors.md explains every errno name that the library gives by itself', t => {
  const explained = documented(/^E(?!RR_)/)
  t.deepEqual(
    explained.filter(name => !Object.hasOwn(errnos, name)),
    [],
  )
  const given = new Set<string>()
  for (const { text } of sources)
    for (const [, name] of text.matchAll(/code: '(E(?!RR_)[A-Z0-9]+)'/g)) given.add(name!)
  t.true(given.size > 3)
  t.deepEqual(
    [...given].filter(name => !explained.includes(name)),
    [],
  )
})

test('a number without a name has a code', t => {
  const code: BpfErrorCode = errnoName(4242)
  t.is(code, 'ERRNO_4242')
  // @ts-expect-error A code that the union lacks does not compile.
  const wrong: BpfErrorCode = 'ERR_UNKNOWN'
  t.false(codes.includes(wrong))
})

test('an error of a file has the code of its errno', t => {
  t.like(
    fileError(
      'Cannot read a.o',
      t.throws(() => readFileSync('/nowhere/a.o')),
    ),
    {
      code: 'ENOENT',
      errno: 2,
      syscall: 'open',
      message: "Cannot read a.o: ENOENT: no such file or directory, open '/nowhere/a.o'",
    },
  )
  const node = (code?: string) => fileError('Cannot read a.o', Object.assign(new Error('x'), { code })).code
  t.is(node('ENOTSUP'), 'EOPNOTSUPP')
  t.is(node('ERR_FS_FILE_TOO_LARGE'), 'EFBIG')
  t.is(node('ERR_OF_NODE'), 'EIO')
  t.is(node(undefined), 'EIO')
})
