import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { parseExtInfo } from '../../../src/btf/ext.ts'
import { extInfo } from '../../support/btf/ext-info.ts'

const strings = new BtfBuilder()
const section = strings.addString('tp/a')
const other = strings.addString('__proto__')
const file = strings.addString('a.c')
const line = strings.addString('return 0;')
const access = strings.addString('0:1')
const btf = Btf.parse(strings.build('little'))

function refuses(t: ExecutionContext, bytes: Uint8Array, reason: string, offset: number): void {
  const error = t.throws(() => parseExtInfo(bytes, btf), {
    instanceOf: ObjectFileError,
    message: `${reason} (section .BTF.ext, offset 0x${offset.toString(16)})`,
  })
  t.is(error?.section, '.BTF.ext')
  t.is(error?.offset, offset)
}

const functions = [8, section, 2, 0, 7, 64, 8]
const lines = [16, section, 1, 8, file, line, (12 << 10) | 3]
const core = [16, section, 1, 8, 5, access, 2]

test('records come by section, in their order', t => {
  for (const order of ['little', 'big'] as const) {
    const own = Btf.parse(strings.build(order))
    const info = parseExtInfo(extInfo([functions, lines, core], 32, order), own)
    t.deepEqual(info, {
      functions: new Map([
        [
          'tp/a',
          [
            { offset: 0, typeId: 7 },
            { offset: 64, typeId: 8 },
          ],
        ],
      ]),
      lines: new Map([['tp/a', [{ offset: 8, file: 'a.c', text: 'return 0;', line: 12, column: 3 }]]]),
      relocations: new Map([['tp/a', [{ offset: 8, typeId: 5, access: '0:1', kind: 2 }]]]),
    })
  }
})

test('line and column have 22 and 10 bits', t => {
  const info = parseExtInfo(extInfo([[], [16, section, 1, 0, 0, 0, 0xffff_ffff]]), btf)
  t.deepEqual(info.lines.get('tp/a'), [{ offset: 0, file: '', text: '', line: 0x3f_ffff, column: 0x3ff }])
})

test('the part about CO-RE may be absent', t => {
  const info = parseExtInfo(extInfo([functions, lines], 24), btf)
  t.is(info.relocations.size, 0)
  t.is(info.lines.size, 1)
})

test('longer headers and longer records are read as far as they are known', t => {
  const info = parseExtInfo(extInfo([[12, section, 2, 0, 7, 99, 64, 8, 99], []], 48), btf)
  t.deepEqual(info.functions.get('tp/a'), [
    { offset: 0, typeId: 7 },
    { offset: 64, typeId: 8 },
  ])
})

test('a section may come twice, or have a name that objects inherit', t => {
  const info = parseExtInfo(extInfo([[8, section, 1, 0, 7, other, 1, 0, 9, section, 1, 8, 8], []]), btf)
  t.deepEqual([...info.functions.keys()], ['tp/a', '__proto__'])
  t.deepEqual(info.functions.get('tp/a'), [
    { offset: 0, typeId: 7 },
    { offset: 8, typeId: 8 },
  ])
  t.is(info.functions.get('constructor'), undefined)
})

test('invalid headers are refused', t => {
  const edited = (at: number, value: number): Uint8Array => {
    const bytes = extInfo([functions, lines, core])
    bytes[at] = value
    return bytes
  }
  refuses(t, new Uint8Array(0), 'Truncated: .BTF.ext header needs 24 bytes at its offset, in a total of 0', 0)
  refuses(t, edited(0, 0), 'Not .BTF.ext: wrong magic', 0)
  refuses(t, edited(2, 9), 'Unknown .BTF.ext version 9', 2)
  refuses(t, edited(4, 23), '.BTF.ext header of 23 bytes is too short', 4)
  refuses(
    t,
    edited(15, 0xff),
    'Truncated: part of .BTF.ext needs 4278190108 bytes at its offset, in a total of 116',
    32,
  )
  refuses(
    t,
    edited(11, 0x10),
    'Truncated: part of .BTF.ext needs 28 bytes at its offset, in a total of 116',
    0x10000020,
  )
})

test('the other byte order than that of the BTF is refused', t => {
  refuses(t, extInfo([functions, lines, core], 32, 'big'), 'Not .BTF.ext: wrong magic', 0)
})

test('records of impossible sizes and numbers are refused', t => {
  const part = (...words: number[]): Uint8Array => extInfo([words, []])
  refuses(t, part(4, section, 1, 0, 0), 'Records of 4 bytes', 32)
  refuses(t, part(10, section, 1, 0, 0), 'Records of 10 bytes', 32)
  refuses(t, part(0), 'Records of 0 bytes', 32)
  refuses(t, part(8, section), 'Truncated section header in .BTF.ext', 36)
  refuses(t, part(8, section, 0), '0 records for section tp/a', 40)
  refuses(t, part(8, section, 2, 0, 0), '2 records for section tp/a', 40)
  refuses(t, part(8, section, 0xffff_ffff, 0, 0), '4294967295 records for section tp/a', 40)
  refuses(t, part(0xffff_fff8, section, 0xffff_ffff, 0, 0), '4294967295 records for section tp/a', 40)
  const short = extInfo([[8], []])
  new DataView(short.buffer).setUint32(12, 3, true)
  refuses(t, short, 'Part of .BTF.ext without a record size', 32)
})

test('strings outside of the BTF are refused', t => {
  t.throws(() => parseExtInfo(extInfo([[8, 0xffff, 1, 0, 0], []]), btf), {
    instanceOf: ObjectFileError,
    message: 'BTF string offset 65535 is out of range (section .BTF, offset 0x10017)',
  })
})

test('cut off anywhere within its parts it is refused', t => {
  const bytes = extInfo([functions, lines, core])
  for (let length = 0; length < bytes.length; length++) {
    t.throws(() => parseExtInfo(bytes.subarray(0, length), btf), { instanceOf: ObjectFileError })
  }
})

test('any damage gives records or an ObjectFileError', t => {
  const whole = extInfo([functions, lines, core])
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1 }), damage => {
      const bytes = new Uint8Array(whole)
      for (const [at, value] of damage) bytes[at] = value
      try {
        parseExtInfo(bytes, btf, { file: 'x.o' })
      } catch (error) {
        t.true(error instanceof ObjectFileError, String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
