import test from 'ava'
import { type Command, commands } from '../../../src/abi/generated/enums.ts'
import { attr } from '../../../src/abi/generated/layouts.ts'
import { type AttrFields, arms, writeAttr } from '../../../src/syscalls/attr.ts'

/** Writes fields and returns the words of the arm; views get addresses 0x7f0000001000, 0x7f0000002000, ... */
function write(command: Command, fields: object): { words: number[]; referenced: ArrayBufferView[] } {
  const view = new DataView(new ArrayBuffer(256))
  const referenced: ArrayBufferView[] = []
  const addressOf = (): number => 0x7f0000000000 + referenced.length * 0x1000
  const arm = attr[arms[command]]
  writeAttr({ view, addressOf, referenced }, arm, fields)
  return { words: [...new Uint32Array(view.buffer, 0, arm.$size / 4)], referenced }
}

const text = (view: ArrayBufferView | undefined): string =>
  Buffer.from(view!.buffer, view!.byteOffset, view!.byteLength).toString()

test('a number is 32 bits, a bigint 64, a view its address', t => {
  const key = new Uint8Array(4)
  const { words, referenced } = write('map_lookup_elem', {
    map_fd: 5,
    key,
    value: 0x1122334455667788n,
    flags: 4n,
  })
  t.deepEqual(words, [5, 0, 0x1000, 0x7f00, 0x55667788, 0x11223344, 4, 0])
  t.deepEqual(referenced, [key])
})

test('a string is the address of a NUL-terminated copy', t => {
  const { words, referenced } = write('obj_get', { pathname: '/sys/fs/bpf/ä', file_flags: 8 })
  t.deepEqual(words, [0x1000, 0x7f00, 0, 8, 0, 0])
  t.is(text(referenced[0]), '/sys/fs/bpf/ä\0')
})

test('a negative number is written in two’s complement', t => {
  t.is(write('map_create', { map_token_fd: -1 }).words[19], 0xffffffff)
  t.is(write('map_create', { map_flags: 0xffffffff }).words[4], 0xffffffff)
})

test('nested structs are written inside their arm', t => {
  const cookies = new BigUint64Array(2)
  const { words, referenced } = write('link_create', {
    prog_fd: 3,
    attach_type: 42,
    kprobe_multi: { flags: 1, cnt: 2, syms: new Uint8Array(16), cookies },
  })
  t.deepEqual(words, [3, 0, 42, 0, 1, 2, 0x1000, 0x7f00, 0, 0, 0x2000, 0x7f00, 0, 0, 0, 0])
  t.is(referenced[1], cookies)
})

test('names of objects lie in the union itself, as text or as bytes', t => {
  const name = Buffer.from('abcdefghijklmno')
  const expected = [...new Uint32Array(new Uint8Array([...name, 0]).buffer)]
  for (const value of ['abcdefghijklmno', new Uint8Array(name), new Uint8Array([...name, 0])]) {
    const { words, referenced } = write('map_create', { map_name: value, map_ifindex: 9 })
    t.deepEqual(words.slice(7, 12), [...expected, 9])
    t.is(referenced.length, 0)
  }
  t.deepEqual(write('prog_load', { prog_name: 'x' }).words.slice(12, 17), [0x78, 0, 0, 0, 0])
})

test('undefined fields stay zero', t => {
  t.true(write('map_create', { map_type: undefined, map_name: undefined }).words.every(word => word === 0))
})

const refused: readonly [title: string, command: Command, fields: object, message: string][] = [
  ['an unknown field', 'map_create', { nonsense: 1 }, 'it has no field nonsense'],
  ['the size of the layout', 'map_create', { $size: 1 }, 'it has no field $size'],
  ['an inherited name', 'map_create', { toString: 1 }, 'it has no field toString'],
  ['an unknown nested field', 'link_create', { tcx: { cookie: 1n } }, 'it has no field cookie'],
  ['a fraction', 'map_create', { key_size: 1.5 }, 'key_size 1.5 is not a 32-bit integer'],
  ['NaN', 'map_create', { key_size: Number.NaN }, 'key_size NaN is not a 32-bit integer'],
  [
    'a number above 32 bits',
    'map_create',
    { key_size: 2 ** 32 },
    'key_size 4294967296 is not a 32-bit integer',
  ],
  [
    'a number below 32 bits',
    'map_create',
    { key_size: -(2 ** 31) - 1 },
    'key_size -2147483649 is not a 32-bit integer',
  ],
  ['64 bits in a 32-bit place', 'map_create', { key_size: 4n }, 'key_size has 32 bits, use a number'],
  [
    '64 bits in a 32-bit place that is aligned to 64',
    'map_create',
    { map_type: 1n },
    'map_type has 32 bits, use a number',
  ],
  ['a pointer in such a place', 'map_create', { value_size: 'x' }, 'value_size has 32 bits, use a number'],
  ['a pointer in a 32-bit place', 'map_create', { key_size: 'x' }, 'key_size has 32 bits, use a number'],
  ['a NUL in a string', 'obj_pin', { pathname: 'a\0b' }, 'pathname contains a NUL'],
  [
    'a name that is too long',
    'map_create',
    { map_name: 'abcdefghijklmnop' },
    'map_name has more than 15 bytes',
  ],
]
for (const [title, command, fields, message] of refused) {
  test(`${title} is refused`, t => {
    t.throws(() => write(command, fields), {
      instanceOf: RangeError,
      message: `Cannot write bpf_attr: ${message}`,
    })
  })
}

test('a name that is a number is refused', t => {
  t.throws(() => write('map_create', { map_name: 1 }), {
    instanceOf: TypeError,
    message: 'Cannot write bpf_attr: map_name must be a string or bytes',
  })
})

test('every command has an arm, and every arm of the union a command', t => {
  t.deepEqual(Object.keys(arms).sort(), Object.keys(commands).sort())
  t.deepEqual([...new Set<string>(Object.values(arms))].sort(), Object.keys(attr).sort())
})

test('the fields of a command are checked by the compiler', t => {
  type Has<C extends Command, F> = F extends keyof AttrFields<C> ? true : false
  const create: [Has<'map_create', 'map_type'>, Has<'map_create', 'prog_fd'>] = [true, false]
  const link: [Has<'link_create', 'kprobe_multi'>, Has<'link_create', '$size'>] = [true, false]
  t.deepEqual(create, link)
})
