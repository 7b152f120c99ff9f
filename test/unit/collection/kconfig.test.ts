import test from 'ava'
import { BpfError } from '../../../src/base/errors.ts'
import { type Kconfig, type KconfigSources, kconfigValues } from '../../../src/collection/kconfig.ts'
import { parseKconfig } from '../../../src/kernel/kconfig.ts'
import type { KconfigExtern, KconfigType } from '../../../src/programs/extern-spec.ts'

function extern(type: KconfigType, size: number, more: Partial<KconfigExtern> = {}): KconfigExtern {
  const base = { name: 'CONFIG_X', essentialName: 'CONFIG_X', weak: false, offset: 0, signed: false }
  return { ...base, kind: 'kconfig', typeId: 1, type, size, ...more }
}

/** A kernel with a configuration. */
function kernel(config: string): KconfigSources {
  return { config: () => parseKconfig(config), facts: { LINUX_KERNEL_VERSION: () => 0x060c05n } }
}

/** The bytes of one extern, where `CONFIG_X` has a value. */
function bytesOf(value: string, of: KconfigExtern): Uint8Array {
  return kconfigValues([of], { size: of.size, byteOrder: 'little' }, kernel(`CONFIG_X=${value}`))
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const signed = { signed: true }

for (const [value, of, expected] of [
  ['y', extern('bool', 1), bytes(1)],
  ['n', extern('bool', 1), bytes(0)],
  ['y', extern('tristate', 4), bytes(1, 0, 0, 0)],
  ['n', extern('tristate', 4), bytes(0, 0, 0, 0)],
  ['m', extern('tristate', 4), bytes(2, 0, 0, 0)],
  ['m', extern('char', 1, signed), bytes(0x6d)],
  ['65', extern('char', 1, signed), bytes(65)],
  ['-128', extern('char', 1, signed), bytes(0x80)],
  ['255', extern('char', 1), bytes(0xff)],
  ['-32768', extern('int', 2, signed), bytes(0, 0x80)],
  ['0xffff', extern('int', 2), bytes(0xff, 0xff)],
  ['010', extern('int', 2), bytes(8, 0)],
  ['0', extern('int', 4), bytes(0, 0, 0, 0)],
  ['-2147483648', extern('int', 4, signed), bytes(0, 0, 0, 0x80)],
  ['4294967295', extern('int', 4), bytes(0xff, 0xff, 0xff, 0xff)],
  ['-1', extern('int', 8, signed), new Uint8Array(8).fill(0xff)],
  ['0xffffffffffffffff', extern('int', 8), new Uint8Array(8).fill(0xff)],
  ['""', extern('string', 3), bytes(0, 0, 0)],
  ['"ab"', extern('string', 3), bytes(0x61, 0x62, 0)],
  ['"abcd"', extern('string', 3), bytes(0x61, 0x62, 0)],
] as const) {
  const what = `${of.signed ? 'signed ' : ''}${of.type} of ${of.size} bytes`
  test(`${value} as ${what} is ${[...expected].join(' ')}`, t => {
    t.deepEqual(bytesOf(value, of), expected)
  })
}

for (const [value, of, reason] of [
  ['m', extern('bool', 1), 'its value m is not of type bool'],
  ['1', extern('bool', 1), 'its value 1 is not of type bool'],
  ['1', extern('tristate', 4), 'its value 1 is not of type tristate'],
  ['y', extern('int', 4), 'its value y is not of type int'],
  ['y', extern('string', 4), 'its value y is not of type string'],
  ['"y', extern('string', 4), 'its value "y is not of type string'],
  ['"ab"', extern('int', 4), 'its value "ab" is not of type int'],
  ['12x', extern('int', 4), 'its value 12x is not of type int'],
  ['09', extern('int', 4), 'its value 09 is not of type int'],
  ['256', extern('char', 1), 'its value 256 does not fit unsigned 8 bits'],
  ['-1', extern('char', 1), 'its value -1 does not fit unsigned 8 bits'],
  ['128', extern('char', 1, signed), 'its value 128 does not fit signed 8 bits'],
  ['-129', extern('char', 1, signed), 'its value -129 does not fit signed 8 bits'],
  ['65536', extern('int', 2), 'its value 65536 does not fit unsigned 16 bits'],
  ['32768', extern('int', 2, signed), 'its value 32768 does not fit signed 16 bits'],
  ['4294967296', extern('int', 4), 'its value 4294967296 does not fit unsigned 32 bits'],
  ['18446744073709551616', extern('int', 8), 'its value 18446744073709551616 does not fit unsigned 64 bits'],
] as const) {
  test(`${value} as ${of.signed ? 'signed ' : ''}${of.type} of ${of.size} bytes is refused`, t => {
    t.throws(() => bytesOf(value, of), {
      instanceOf: BpfError,
      code: 'ERR_KCONFIG',
      message: `Cannot set CONFIG_X: ${reason}`,
    })
  })
}

test('values are in the byte order of the object, at their offsets', t => {
  const options = [extern('int', 4), extern('int', 2, { name: 'CONFIG_Y', offset: 4 })]
  const config = kernel('CONFIG_X=1\nCONFIG_Y=2\n')
  t.deepEqual(kconfigValues(options, { size: 6, byteOrder: 'big' }, config), bytes(0, 0, 0, 1, 0, 2))
})

/** The value of `CONFIG_X`, 4 bytes, of a kernel that has 7, where options are given. */
function withGiven(given: Kconfig, of: KconfigExtern = extern('int', 4)): Uint8Array {
  return kconfigValues([of], { size: 4, byteOrder: 'little', given }, kernel('CONFIG_X=7'))
}

test('given options go before those of the kernel', t => {
  t.deepEqual(withGiven('CONFIG_X=8\n'), bytes(8, 0, 0, 0))
  t.deepEqual(withGiven({ CONFIG_X: 9 }), bytes(9, 0, 0, 0))
  t.deepEqual(withGiven({ CONFIG_X: 10n }), bytes(10, 0, 0, 0))
  t.deepEqual(withGiven({ CONFIG_X: '0x0b' }), bytes(11, 0, 0, 0))
  t.deepEqual(withGiven({ CONFIG_Y: 1 }), bytes(7, 0, 0, 0))
})

test('given booleans are y and n, given strings need no quotes', t => {
  t.deepEqual(withGiven({ CONFIG_X: true }, extern('tristate', 4)), bytes(1, 0, 0, 0))
  t.deepEqual(withGiven({ CONFIG_X: false }, extern('char', 1)), bytes(0x6e, 0, 0, 0))
  t.deepEqual(withGiven({ CONFIG_X: 'y' }, extern('string', 4)), bytes(0x79, 0, 0, 0))
  t.deepEqual(withGiven({ CONFIG_X: '"y"' }, extern('string', 4)), bytes(0x79, 0, 0, 0))
})

test('only options can be given', t => {
  t.throws(() => withGiven({ HZ: 250 }), {
    instanceOf: TypeError,
    message: 'Cannot set "HZ": the names of options begin with CONFIG_',
  })
})

test("the kernel's configuration is not read when all is given", t => {
  const unreadable = { ...kernel(''), config: () => t.fail() as never }
  const options = { size: 4, byteOrder: 'little', given: { CONFIG_X: 1 } } as const
  t.deepEqual(kconfigValues([extern('int', 4)], options, unreadable), bytes(1, 0, 0, 0))
})

test('a missing option is 0 when it is weak, else an error', t => {
  const options = { size: 4, byteOrder: 'little' } as const
  t.deepEqual(kconfigValues([extern('int', 4, { weak: true })], options, kernel('')), new Uint8Array(4))
  t.throws(() => kconfigValues([extern('int', 4)], options, kernel('')), {
    code: 'ERR_KCONFIG',
    message: "Cannot set CONFIG_X: the kernel's configuration does not have it, and it is not weak",
  })
})

test('without a configuration a weak option is unknown', t => {
  const nowhere = {
    ...kernel(''),
    config: () => {
      throw new BpfError('It is nowhere', { code: 'ENOENT' })
    },
  }
  t.throws(
    () => kconfigValues([extern('int', 4, { weak: true })], { size: 4, byteOrder: 'little' }, nowhere),
    {
      code: 'ERR_KCONFIG',
      message: 'Cannot set CONFIG_X: It is nowhere; give its value in the option kconfig',
    },
  )
})

test('facts are numbers, unknown ones 0 when they are weak', t => {
  const options = { size: 4, byteOrder: 'little' } as const
  const fact = (name: string, more: Partial<KconfigExtern> = {}): Uint8Array =>
    kconfigValues([extern('int', 4, { name, ...more })], options, kernel(''))
  t.deepEqual(fact('LINUX_KERNEL_VERSION'), bytes(0x05, 0x0c, 0x06, 0))
  t.deepEqual(fact('LINUX_X', { weak: true }), new Uint8Array(4))
  for (const [name, weak] of [
    ['LINUX_X', false],
    ['X', true],
  ] as const) {
    t.throws(() => fact(name, { weak }), {
      code: 'ERR_KCONFIG',
      message: `Cannot set ${name}: no such fact; known: LINUX_KERNEL_VERSION`,
    })
  }
  t.throws(() => fact('LINUX_KERNEL_VERSION', { type: 'bool', size: 1 }), {
    message: 'Cannot set LINUX_KERNEL_VERSION: its value 396293 is not of type bool',
  })
})
