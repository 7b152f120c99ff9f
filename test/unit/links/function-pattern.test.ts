import test from 'ava'
import fc from 'fast-check'
import {
  type FunctionSymbol,
  functionMatcher,
  isQualified,
  selectFunctions,
} from '../../../src/links/hooks/function-pattern.ts'
import type { TraceableFunction } from '../../../src/symbols/traceable.ts'

const matching = (pattern: string | RegExp, ...names: string[]): string[] =>
  names.filter(functionMatcher(pattern))

const site = (name: string, address?: bigint, module?: string): TraceableFunction => ({
  name,
  address,
  module,
})
const symbol = (name: string, address = 0n, module?: string): FunctionSymbol => ({ name, address, module })

test('a glob matches whole names', t => {
  t.deepEqual(matching('vfs_*', 'vfs_read', 'vfs_', 'do_vfs_read', 'vfs'), ['vfs_read', 'vfs_'])
  t.deepEqual(matching('vfs_rea?', 'vfs_read', 'vfs_reads', 'vfs_rea'), ['vfs_read'])
  t.deepEqual(matching('*_*_*', 'a_b_c', 'a_b', '__'), ['a_b_c', '__'])
})

test('what is special in regular expressions is not in globs', t => {
  t.deepEqual(matching('f.isra.*', 'f.isra.0', 'fxisra.0'), ['f.isra.0'])
  t.deepEqual(matching('[ab]+$(x|y)', '[ab]+$(x|y)', 'a', 'b'), ['[ab]+$(x|y)'])
})

test('a glob takes steps in proportion to the name, not more for each star', t => {
  // With a search that goes back to every star, these would not end.
  const name = 'a'.repeat(10_000)
  t.deepEqual(matching(`${'*a'.repeat(40)}*b`, name), [])
  t.deepEqual(matching(`${'*a'.repeat(40)}*`, name), [name])
  t.deepEqual(matching(`${'*'.repeat(1000)}:`, name), [])
})

test('globs match as regular expressions of the same meaning', t => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(glob, text, (glob, text) => {
      const whole = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)
      t.is(functionMatcher(glob)(text), whole.test(text), `${glob} ${text}`)
    }),
  )
})

test('any name matches itself as a glob', t => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]+$/), name => {
      t.true(functionMatcher(name)(name))
    }),
  )
})

test('a regular expression matches whole names', t => {
  t.deepEqual(matching(/vfs_(read|write)/, 'vfs_read', 'vfs_write', 'vfs_readv', 'ksys_vfs_read'), [
    'vfs_read',
    'vfs_write',
  ])
  t.deepEqual(matching(/a|b/, 'a', 'b', 'ab', 'xa'), ['a', 'b'])
  t.deepEqual(matching(/^vfs_read$/, 'vfs_read'), ['vfs_read'])
})

test('flags of a regular expression count, but for those that keep a state', t => {
  t.deepEqual(matching(/VFS_READ/i, 'vfs_read'), ['vfs_read'])
  const stateful = /vfs_.*/gy
  stateful.lastIndex = 3
  t.deepEqual(matching(stateful, 'vfs_a', 'vfs_b', 'vfs_c'), ['vfs_a', 'vfs_b', 'vfs_c'])
  t.is(stateful.lastIndex, 3)
})

test('an empty pattern is refused', t => {
  t.throws(() => functionMatcher(''), {
    code: 'ERR_INVALID_PATTERN',
    message: 'Cannot match functions: the pattern is empty',
  })
})

test('what cannot be probed is left out, with the reason', t => {
  const traceable = [site('f_good', 0x1000n), site('f_black', 0x2000n), site('other', 0x3000n)]
  const symbols = [
    symbol('f_good', 0x1000n),
    symbol('f_black', 0x2000n),
    symbol('f_hidden', 0x2500n),
    symbol('f_hidden_black', 0x2600n),
    symbol('other', 0x3000n),
    symbol('other_hidden', 0x3500n),
  ]
  const { functions, rejected } = selectFunctions(
    'f_*',
    traceable,
    new Set(['f_black', 'f_hidden_black', 'other']),
    symbols,
  )
  t.deepEqual(functions, [site('f_good', 0x1000n)])
  t.deepEqual(
    rejected.toSorted((a, b) => a.name.localeCompare(b.name)),
    [
      { name: 'f_black', reason: 'blacklisted' },
      { name: 'f_hidden', reason: 'notrace' },
      { name: 'f_hidden_black', reason: 'blacklisted' },
    ],
  )
})

test('symbols that are no functions of the kernel are not reported', t => {
  const symbols = [
    symbol('__pfx_f'),
    symbol('__cfi_f'),
    symbol('f.cold'),
    symbol('f.cold.3'),
    symbol('bpf_prog_6deef7357e7b4530', 0n, 'bpf'),
    symbol('f.colder'),
  ]
  t.deepEqual(selectFunctions('*', [], new Set(), symbols), {
    functions: [],
    rejected: [{ name: 'f.colder', reason: 'notrace' }],
  })
})

test('functions of one name: all where addresses are told, none elsewhere', t => {
  const symbols = [symbol('twin', 0x1000n), symbol('twin', 0x2000n, 'module'), symbol('single', 0x3000n)]
  const told = selectFunctions(
    '*',
    [site('twin', 0x1000n), site('twin', 0x2000n, 'module')],
    new Set(),
    symbols,
  )
  t.deepEqual(
    told.functions.map(({ address }) => address),
    [0x1000n, 0x2000n],
  )
  const hidden = selectFunctions(
    '*',
    [site('twin'), site('twin', undefined, 'module'), site('single')],
    new Set(),
    symbols,
  )
  t.deepEqual(hidden.functions, [site('single')])
  t.deepEqual(hidden.rejected, [{ name: 'twin', reason: 'ambiguous' }])
})

test('a trace site stands for the function that starts before it', t => {
  const symbols = [symbol('twin', 0x1000n), symbol('twin', 0x2000n), symbol('far', 0x3000n)]
  const sites = [site('twin', 0x2004n), site('twin', 0x1008n), site('far', 0x4000n), site('unknown', 0x5004n)]
  const { functions } = selectFunctions('*', sites, new Set(), symbols)
  t.deepEqual(
    functions.map(({ address }) => address),
    [0x2000n, 0x1000n, 0x4000n, 0x5004n],
  )
})

test('addresses that are hidden from the user leave the trace site', t => {
  const { functions } = selectFunctions('f', [site('f', 0x1004n)], new Set(), [symbol('f', 0n)])
  t.deepEqual(functions, [site('f', 0x1004n)])
})

test('a glob may be qualified by modules', t => {
  const traceable = [
    site('show', 0x1000n),
    site('show', 0x2000n, 'loop'),
    site('show', 0x3000n, 'nbd'),
    site('open', 0x3100n, 'nbd'),
  ]
  const select = (pattern: string) => {
    const { functions, rejected } = selectFunctions(pattern, traceable, new Set(), [
      symbol('show', 0x2000n, 'loop'),
      symbol('hidden', 0x2100n, 'loop'),
      symbol('hidden', 0x100n),
    ])
    return [functions.map(({ name, module }) => `${module}:${name}`), rejected.map(({ name }) => name)]
  }
  t.deepEqual(select('loop:show'), [['loop:show'], []])
  t.deepEqual(select('loop:*'), [['loop:show'], ['hidden']])
  t.deepEqual(select('nbd:*'), [['nbd:show', 'nbd:open'], []])
  t.deepEqual(select('*:show'), [['undefined:show', 'loop:show', 'nbd:show'], []])
  t.deepEqual(select('vmlinux:*'), [['undefined:show'], ['hidden']])
  t.deepEqual(select('none:*'), [[], []])
  for (const pattern of ['', ':show', 'loop:']) {
    t.throws(() => select(pattern), { code: 'ERR_INVALID_PATTERN' }, pattern)
  }
  t.deepEqual(['show', 'loop:show', /a:b/].map(isQualified), [false, true, false])
})

test('a name that several modules have is not ambiguous in one of them', t => {
  const traceable = [site('show', undefined, 'loop'), site('show', undefined, 'nbd')]
  const rejectedOf = (pattern: string) => selectFunctions(pattern, traceable, new Set(), []).rejected
  t.deepEqual(rejectedOf('show'), [{ name: 'show', reason: 'ambiguous' }])
  t.deepEqual(rejectedOf('nbd:show'), [])
})
