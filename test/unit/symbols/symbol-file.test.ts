import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { BpfError, ObjectFileError } from '../../../src/base/errors.ts'
import { RELA_SIZE, SHF_ALLOC, SHF_EXECINSTR, sectionTypes } from '../../../src/elf/format.ts'
import { memorySource } from '../../../src/elf/source.ts'
import { type SectionSource, StringTableBuilder, symbolTable } from '../../../src/elf/write.ts'
import { OpenFile } from '../../../src/kernel/read-file.ts'
import { SymbolFile } from '../../../src/symbols/files/symbol-file.ts'
import { at, debugLink, goTable, program, SIZE, storedXz, TEXT } from '../../support/symbols/files.ts'

const ID = 'abcdef0123456789abcdef0123456789abcdef01'

interface Folder extends Disposable {
  readonly path: string
  /** Writes a file, and gives its path back. */
  write(name: string, bytes: Uint8Array): string
}

function temporary(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'symbol-file-'))
  return {
    path,
    write(name, bytes) {
      const file = join(path, name)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, bytes)
      return file
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true }),
  }
}

/** The name of an address in a file, whose debug files are below a folder. */
function nameOf(path: string, address: number, debug = '/nowhere'): string | undefined {
  using file = new SymbolFile(OpenFile.open(path), path, { directories: [debug] })
  return file.find(address)?.name
}

const inMemory = (bytes: Uint8Array): SymbolFile =>
  new SymbolFile(memorySource(bytes), 'program', { directories: [] })

test('a debug file is found by its build id', t => {
  using folder = temporary()
  const path = folder.write('program', program({ id: ID }))
  const name = `debug/.build-id/${ID.slice(0, 2)}/${ID.slice(2)}.debug`
  t.is(nameOf(path, TEXT + 8, join(folder.path, 'debug')), undefined)
  folder.write(name, program({ id: ID, symbols: [at('main', 0, 16)] }))
  t.is(nameOf(path, TEXT + 8, join(folder.path, 'debug')), 'main')
  folder.write(name, program({ id: `00${ID.slice(2)}`, symbols: [at('wrong', 0, 16)] }))
  t.is(nameOf(path, TEXT + 8, join(folder.path, 'debug')), undefined, 'of another build')
  folder.write(name, Buffer.from('not ELF'))
  t.is(nameOf(path, TEXT + 8, join(folder.path, 'debug')), undefined)
})

test('a debug file is found by its name beside the file, in .debug, and in the directory of debug files', t => {
  const debug = program({ symbols: [at('main', 0, 16)] })
  for (const place of ['p.debug', '.debug/p.debug', 'debug']) {
    using folder = temporary()
    const path = folder.write('program', program({ sections: [debugLink('p.debug', debug)] }))
    const file = place === 'debug' ? join('debug', folder.path, 'p.debug') : place
    folder.write(file, debug)
    t.is(nameOf(path, TEXT + 8, join(folder.path, 'debug')), 'main', place)
    folder.write(file, program({ symbols: [at('wrong', 0, 16)] }))
    t.is(nameOf(path, TEXT + 8, join(folder.path, 'debug')), undefined, `${place}: another checksum`)
  }
})

test('the name of a debug file is not a path', t => {
  using folder = temporary()
  const debug = program({ symbols: [at('main', 0, 16)] })
  folder.write('outside', debug)
  const path = folder.write('folder/program', program({ sections: [debugLink('../outside', debug)] }))
  t.is(nameOf(path, TEXT + 8), undefined)
})

test('a debug file that is a FIFO is not waited for', t => {
  using folder = temporary()
  const path = folder.write('program', program({ sections: [debugLink('fifo', new Uint8Array(0))] }))
  execFileSync('mkfifo', [join(folder.path, 'fifo')])
  t.is(nameOf(path, TEXT + 8), undefined)
})

test('a program that prelinking has moved has the functions of its debug file', t => {
  using folder = temporary()
  const path = folder.write('program', program({ id: ID, moved: 0x10_0000 }))
  folder.write(`d/.build-id/ab/${ID.slice(2)}.debug`, program({ id: ID, symbols: [at('main', 0, 16)] }))
  using file = new SymbolFile(OpenFile.open(path), path, { directories: [join(folder.path, 'd')] })
  t.deepEqual(file.find(TEXT + 0x10_0008), { name: 'main', start: TEXT + 0x10_0000 })
})

test('functions in .gnu_debugdata are found, and those of .dynsym beside them', t => {
  const names = new StringTableBuilder()
  const table = symbolTable([at('exported', 0x100, 16)], names)
  const sections: SectionSource[] = [
    { name: '.gnu_debugdata', data: storedXz(program({ symbols: [at('hidden', 0, 16)] })) },
    { name: '.dynsym', type: sectionTypes.dynsym, data: table, link: '.dynstr', entrySize: 24 },
    { name: '.dynstr', type: sectionTypes.strtab, data: names.build() },
  ]
  using file = inMemory(program({ sections }))
  t.is(file.find(TEXT + 8)?.name, 'hidden')
  t.is(file.find(TEXT + 0x108)?.name, 'exported')
  using damaged = inMemory(program({ sections: [{ name: '.gnu_debugdata', data: new Uint8Array(100) }] }))
  t.is(damaged.find(TEXT), undefined)
  t.true(damaged.problem instanceof ObjectFileError)
})

test('a file that is stripped in part has its dynamic symbols, too', t => {
  const names = new StringTableBuilder()
  const dynamic = symbolTable([at('exported', 0x100, 16), at('other', 0x200, 16)], names)
  const sections: SectionSource[] = [
    { name: '.dynsym', type: sectionTypes.dynsym, data: dynamic, link: '.dynstr', entrySize: 24 },
    { name: '.dynstr', type: sectionTypes.strtab, data: names.build() },
  ]
  using file = inMemory(program({ sections, symbols: [at('kept', 0, 16)] }))
  t.is(file.find(TEXT + 8)?.name, 'kept')
  t.is(file.find(TEXT + 0x108)?.name, 'exported')
})

const GO: readonly (readonly [string, number])[] = [
  ['_rt0_amd64_linux', 0],
  ['main.main', 0x40],
  ['main.(*T).method', 0x100],
]

test('functions of Go programs are found in their line table', t => {
  for (const text of [TEXT, 0]) {
    using file = inMemory(program({ sections: [goTable(text, GO, 0x200)] }))
    t.is(file.find(TEXT + 0x3f)?.name, '_rt0_amd64_linux')
    t.deepEqual(file.find(TEXT + 0x50), { name: 'main.main', start: TEXT + 0x40 })
    t.is(file.find(TEXT + 0x1ff)?.name, 'main.(*T).method')
    t.is(file.find(TEXT + 0x200), undefined)
    t.is(file.find(TEXT - 1), undefined)
  }
})

test('a line table of Go is not used where it is not certain where the code starts', t => {
  using file = inMemory(program({ sections: [goTable(0, [['main.main', 0]], 0x200)] }))
  t.is(file.find(TEXT + 8), undefined)
})

test('stubs of the linker have the name of what they call', t => {
  const names = new StringTableBuilder()
  const table = symbolTable(
    [
      { name: 'puts', section: 0 },
      { name: 'strlen', section: 0 },
    ],
    names,
  )
  const relocations = Buffer.alloc(2 * RELA_SIZE)
  relocations.writeBigUInt64LE((2n << 32n) | 7n, 8)
  relocations.writeBigUInt64LE((1n << 32n) | 7n, RELA_SIZE + 8)
  const flags = SHF_ALLOC | SHF_EXECINSTR
  const sections: SectionSource[] = [
    { name: '.plt', flags, data: new Uint8Array(48), base: 0x50_0000, alignment: 16 },
    { name: '.rela.plt', type: sectionTypes.rela, data: relocations, entrySize: RELA_SIZE },
    { name: '.dynsym', type: sectionTypes.dynsym, data: table, link: '.dynstr', entrySize: 24 },
    { name: '.dynstr', type: sectionTypes.strtab, data: names.build() },
  ]
  using file = inMemory(program({ sections }))
  // The section lies behind 0x1000 bytes of code and as many of padding.
  const plt = 0x50_0000 + 2 * SIZE
  t.is(file.find(plt), undefined)
  t.deepEqual(file.find(plt + 16), { name: 'strlen@plt', start: plt + 16 })
  t.deepEqual(file.find(plt + 47), { name: 'puts@plt', start: plt + 32 })
  t.is(file.find(plt + 48), undefined)
})

test('an offset of the file leads to an address by the headers of segments', t => {
  using file = inMemory(program({ moved: 0x10_0000 }))
  t.is(file.addressAt(SIZE), TEXT + 0x10_0000)
  t.is(file.addressAt(SIZE + 0x10), TEXT + 0x10_0010)
  t.is(file.addressAt(2 * SIZE), undefined)
  t.is(file.addressAt(0), undefined)
})

test('what is not an ELF file is refused with the reason', t => {
  using folder = temporary()
  const path = folder.write('text', Buffer.from('text'))
  t.throws(() => nameOf(path, 0), { instanceOf: ObjectFileError, message: /^Not an ELF file/ })
})

test('a file that becomes shorter while it is open has no names any more', t => {
  using folder = temporary()
  const path = folder.write('program', program({ symbols: [at('main', 0, 16), at('other', 16, 16)] }))
  using file = new SymbolFile(OpenFile.open(path), path, { directories: [] })
  t.is(file.find(TEXT)?.name, 'main')
  truncateSync(path, 100)
  t.is(file.find(TEXT + 16), undefined)
  file.forget()
  t.is(file.find(TEXT), undefined)
})

test('damaged files end in a typed error, in names or in none', t => {
  const names = new StringTableBuilder()
  const table = symbolTable([at('exported', 0x100, 16)], names)
  const whole = program({
    id: ID,
    symbols: [at('main', 0, 16), at('none', 32, 0)],
    sections: [
      { name: '.gnu_debugdata', data: storedXz(new Uint8Array(64)) },
      goTable(0, GO, 0x200),
      { name: '.dynsym', type: sectionTypes.dynsym, data: table, link: '.dynstr', entrySize: 24 },
      { name: '.dynstr', type: sectionTypes.strtab, data: names.build() },
      { name: '.rela.plt', type: sectionTypes.rela, data: new Uint8Array(48), entrySize: RELA_SIZE },
      { name: '.plt', flags: SHF_ALLOC, data: new Uint8Array(48) },
    ],
  })
  // All but the code, which nothing reads.
  const places = [...whole.keys()].filter(each => each < 0x200 || each >= 2 * SIZE)
  const change = fc.tuple(fc.constantFrom(...places), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff))
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), fc.nat(whole.length), (changes, cut) => {
        const bytes = cut % 4 === 0 ? whole.slice(0, cut) : whole.slice()
        for (const [place, value] of changes) if (place < bytes.length) bytes[place] = value
        try {
          using file = inMemory(bytes)
          for (const address of [0, TEXT, TEXT + 40, TEXT + 0x108, TEXT + 2 * SIZE]) file.find(address)
          file.addressAt(SIZE)
        } catch (error) {
          return error instanceof BpfError
        }
        return true
      }),
      { numRuns: 1500 },
    ),
  )
})
