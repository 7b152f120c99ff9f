import test from 'ava'
import { ObjectFileError } from '../../../src/base/errors.ts'
import type { ElfFile } from '../../../src/elf/file.ts'
import { functionSymbols } from '../../../src/elf/functions.ts'
import { functionOffset, matchingFunctions } from '../../../src/elf/symbol-offset.ts'
import {
  at,
  file,
  find,
  none,
  parse,
  STRIPPED,
  sectionsOf,
  TEXT_OFFSET,
} from '../../support/elf/symbol-tables.ts'

/** Version 2 is `V1`, version 3 is `V2`; the upper bit hides. */
const versioned = file({
  dynamic: [at('f', 0x10), at('f', 0x20), at('g', 0x30), at('local', 0x40), at('h', 0x50), at('h', 0x60)],
  versions: [0x8002, 3, 2, 0, 0x8002, 0x8003],
  definitions: ['V1', 'V2'],
})

test('versions of dynamic symbols', t => {
  t.is(find(versioned, 'f@V1'), 0x10)
  t.is(find(versioned, 'f@V2'), 0x20)
  t.is(find(versioned, 'f@@V2'), 0x20)
  t.is(find(versioned, 'f'), 0x20, 'the default version')
  t.is(find(versioned, 'g@V1'), 0x30)
  t.is(find(versioned, 'local'), 0x40)
  for (const name of ['g@V2', 'local@V1', 'f@V3', 'f@', 'f@V', 'f@V11']) {
    t.throws(() => functionOffset(versioned, name), none(name, STRIPPED))
  }
})

test('a name that has only hidden versions is ambiguous', t => {
  t.throws(() => functionOffset(versioned, 'h'), { message: /^There are 2 functions h; give a version/ })
  t.is(find(versioned, 'h@V2'), 0x60)
})

test('versions that the linker wrote into names', t => {
  const elf = file({ symbols: [at('f@V1', 0x10), at('f@@V2', 0x20)] })
  t.is(find(elf, 'f@V1'), 0x10)
  t.is(find(elf, 'f@V2'), 0x20)
  t.is(find(elf, 'f'), 0x20)
  t.deepEqual(
    [...functionSymbols(elf)].map(({ name, version, hidden, dynamic }) => [name, version, hidden, dynamic]),
    [
      ['f', 'V1', true, false],
      ['f', 'V2', false, false],
    ],
  )
})

test('a pattern finds every place once, and names hidden versions', t => {
  const elf = file({
    symbols: [
      at('static', 0x80, { binding: 'local' }),
      at('static', 0x90, { binding: 'local' }),
      at('f', 0x20),
    ],
    dynamic: [at('f', 0x10), at('f', 0x20), at('alias', 0x20)],
    versions: [0x8002, 3, 3],
    definitions: ['V1', 'V2'],
  })
  const places = [...matchingFunctions(elf, () => true)].map(([offset, name]) => [offset - TEXT_OFFSET, name])
  t.deepEqual(places, [
    [0x10, 'f@V1'],
    [0x20, 'f'],
    [0x80, 'static'],
    [0x90, 'static'],
  ])
  t.is(matchingFunctions(elf, name => name === 'alias').size, 1)
})

/** The file of versions with one of its sections changed: cut to a size, or a number in it replaced. */
function damaged(
  name: string,
  { size, at: offset, value }: { size?: number; at?: number; value?: number },
): ElfFile {
  const sections = sectionsOf({
    dynamic: [at('f', 0x10), at('f', 0x20)],
    versions: [0x8002, 3],
    definitions: ['V1', 'V2'],
  })
  return parse(
    sections.map(section => {
      if (section.name !== name) return section
      const data = section.data!.slice(0, size)
      if (offset !== undefined) new DataView(data.buffer).setUint32(offset, value ?? 0, true)
      return { ...section, data }
    }),
  )
}

test('damaged tables of versions end in an error that names the place', t => {
  const definitions = '.gnu.version_d'
  const cases: readonly (readonly [ElfFile, RegExp])[] = [
    [damaged('.gnu.version', { size: 4 }), /^Truncated: .*\(lib\.so, section \.gnu\.version, offset 0x4\)$/],
    [damaged(definitions, { size: 0 }), /^Truncated: .*section \.gnu\.version_d, offset 0x4/],
    [damaged(definitions, { size: 30 }), /^Truncated: .*section \.gnu\.version_d/],
    // The next definition, its name, and the text of that.
    [damaged(definitions, { at: 16, value: 0x1000 }), /^Truncated: .*section \.gnu\.version_d/],
    [damaged(definitions, { at: 12, value: 0x1000 }), /^Truncated: .*section \.gnu\.version_d/],
    [damaged(definitions, { at: 20, value: 0x1000 }), /^Truncated: .*section \.dynstr/],
    [damaged('.dynsym', { size: 71 }), /^Symbol table of 71 bytes/],
  ]
  for (const [elf, message] of cases) {
    t.throws(() => functionOffset(elf, 'f'), { instanceOf: ObjectFileError, message })
  }
})

test('a chain of versions that does not advance ends', t => {
  const elf = damaged('.gnu.version_d', { at: 16, value: 4 })
  t.is(find(elf, 'f@V1'), 0x10)
  t.throws(() => functionOffset(elf, 'f@V2'), none('f@V2', STRIPPED))
})

test('a version needs a definition', t => {
  const elf = file({ dynamic: [at('f', 0x10)], versions: [9], definitions: ['V1'] })
  t.is(find(elf, 'f'), 0x10)
})
