import test from 'ava'
import { mappingAt, parseMappings } from '../../../src/symbols/process/mappings.ts'

const MAPS = `00400000-00401000 r--p 00000000 08:01 12                                 /usr/bin/program
00401000-00402000 r-xp 00001000 08:01 12                                 /usr/bin/program
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
7f0000001000-7f0000002000 r-xp 00000000 00:00 0
7f0000002000-7f0000003000 r-xp 00002000 08:01 99                         /tmp/a b\\012c (deleted)
7f0000003000-7f0000004000 r-xp 00000000 00:01 1024                       /memfd:jit (deleted)
7ffe00000000-7ffe00002000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`

test('mappings that may be executed are read with their files', t => {
  const mappings = parseMappings(MAPS)
  t.deepEqual(
    mappings.map(({ path, inode, deleted }) => [path, inode, deleted]),
    [
      ['/usr/bin/program', 12n, false],
      ['', 0n, false],
      ['/tmp/a b\nc', 99n, true],
      ['/memfd:jit', 1024n, true],
      ['[vdso]', 0n, false],
    ],
  )
  t.deepEqual(mappings[0], {
    start: 0x401000,
    end: 0x402000,
    offset: 0x1000,
    device: '08:01',
    inode: 12n,
    path: '/usr/bin/program',
    deleted: false,
  })
})

test('an address belongs to the mapping that it lies in', t => {
  const mappings = parseMappings(MAPS)
  t.is(mappingAt(mappings, 0x401000)?.path, '/usr/bin/program')
  t.is(mappingAt(mappings, 0x401fff)?.path, '/usr/bin/program')
  for (const address of [0, 0x400fff, 0x402000, 2 ** 47]) t.is(mappingAt(mappings, address), undefined)
  t.is(mappingAt([], 1), undefined)
})

test('code that was copied into anonymous memory between parts of a file is of the file', t => {
  const maps = (offset: string, inode: number): string => `400000-600000 r-xp 00000000 08:01 7 /usr/bin/node
600000-a00000 r-xp 00000000 00:00 0
a00000-b00000 r-xp 00000000 00:00 0
b00000-c00000 r-xp ${offset} 08:01 ${inode} /usr/bin/node
`
  const copied = parseMappings(maps('00700000', 7))
  t.deepEqual(
    copied.map(({ start, offset, path }) => [start, offset, path]),
    [
      [0x400000, 0, '/usr/bin/node'],
      [0x600000, 0x200000, '/usr/bin/node'],
      [0xa00000, 0x600000, '/usr/bin/node'],
      [0xb00000, 0x700000, '/usr/bin/node'],
    ],
  )
  t.is(parseMappings(maps('00800000', 7))[1]?.path, '', 'not in line')
  t.is(parseMappings(maps('00700000', 8))[1]?.path, '', 'another file')
})

test('names of files may have every character that separates lines elsewhere', t => {
  const path = '/tmp/a\rb\u2028c\u2029d'
  t.is(parseMappings(`400000-401000 r-xp 00000000 08:01 7 ${path}\n`)[0]?.path, path)
})

test('lines of another form are passed over', t => {
  t.deepEqual(parseMappings('\nnonsense\n1-2 r-xp zz\n400000-401000 r-xp 0 8:1\n'), [])
})
