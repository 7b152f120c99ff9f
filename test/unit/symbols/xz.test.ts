import { crc32 } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { crc64 } from '../../../src/symbols/xz/crc64.ts'
import { decompressXz } from '../../../src/symbols/xz/xz.ts'

/** What the files below contain: lines that repeat themselves, and bytes that do not. */
const TEXT = Buffer.from(
  Array.from(
    { length: 120 },
    (_, i) => `function_${(i * i) % 23} at ${((i % 7) * 4096).toString(16)}\n`,
  ).join(''),
)
const NOISE = Buffer.alloc(100)
for (let i = 0, x = 1; i < NOISE.length; i++) {
  x = Number((BigInt(x) * 1103515245n + 12345n) & 0x7fff_ffffn)
  NOISE[i] = x >> 16
}

/** Files of XZ Utils 5.4, by what is special about each. */
const FILES: Readonly<Record<string, string>> = {
  'text crc64':
    '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4AjaAStdADMdSf+pYfsTB7RuVEfupGH0zskdeYiuUNMfWveBlBjQV1xbOfcOY/F9' +
    't9eKeAjtKwcWURVmoxg73vEOFYJIFNfW15lCoSZBhKZAfGZguMBRJjgvd4hN7ZVFvjACbYwuQ0YwZkiPqsvOepqkOlp2syt/' +
    'TM4yqodoAchggcQR5GRWZ4x0E3o8Th+smzna/cvmg62WYt/xhns9GbAa3IRZbNJ8StV3ufzTmA7ljaDZoj0eTj1FDTK/0BI1' +
    'ZI/ZyKow4DbqmvRmVd+ueDbg2Yn+q6vNqobKlVg0nqgXNq6DX8dvoaLO5PDWHMj0H+y99JhqdkUeiT5GqJQUAvJO13HMuQM2' +
    'UY98q+6L/NiMj+d2mWfrojnodayCPIrdHWh01bmYkbfXUHt2Rvwj7SaZAAAbWKc6FOhKcwABxwLbEQAAbl7JWbHEZ/sCAAAA' +
    'AARZWg==',
  'text sha256 blocks':
    '/Td6WFoAAArh+wyhAgAhARYAAAB0L+Wj4APnAKldADMdSf+pYfsTB7RuVEfupGH0zskdeYiuUNMfWveBlBjQV1xbOfcOY/F9' +
    't9eKeAjtKwcWURVmoxg73vEOFYJIFNfW15lCoSZBhKZAfGZguMBRJjgvd4hN7ZVFvjACbYwuQ0YwZkiPqsvOepqkOlp2syt/' +
    'TM4yqodoAchggcQR5GRWZ4x0E3o8Th+smzna/cvmg62WYt/xhns9GbAa3IRZbNJ750yiV8l/OwAAAAAAUoReC3CLShuWgVcC' +
    'RZu2S1JSbUGIWi3FgW3YPsInqJsCACEBFgAAAHQv5aPgA+cApF0ABRqMQ1YtV1pzXHbLuitXpGqrJyUzSqN0uaV2Spd9OOKL' +
    'ONv1R3dXCw90GIAIqyA9Ue+UMlCO9684RfsFCfHKIAScV+6y2Ye3psUUytX9LG0al8dScOoNu7JylwYN7y17XJ3ac1kczW3n' +
    'PvWFW/SHRjHnZJXTQJHpEbHfdWhRy6X7vP2Oc86AdrAjdX388Mc2sokCu3gwFWB/n5bkGOqF9O/uNAAAKEPztu+D4OQX+O8P' +
    'uMxL8CpxHZGnHN/p4TyLwhQUf54CACEBFgAAAHQv5aPgAQoASV0AGAKJSCHHDcxGsgFVrvwGesiXthrbpxVdkmYFKc+nErV5' +
    'PW4FOf/l7BH/5KkpsrwldaX0F+cUZdYE3MWsRZKu4FObg0SHrpGLwAAAAADZWxJyf2R+zF5xi9xiYOLzH4Qhcstq6wN2MBLe' +
    'WIgQnQAD3QHoB9gB6Ad9iwIAAACrQNxBqwqGygQAAAAAClla',
  'text crc32':
    '/Td6WFoAAAFpIt42AgAhARYAAAB0L+Wj4AjaATQkADMeNRS8X6UQ3zqzdkEPSkteYNDjJvRfVmMnG9M/FlR6iWPADptofsP9' +
    'K0mCiqhY9+E6eW5IyByh+58HtAmeKm5MIinCQVc+Azyr/H6USBt4o67UfgY8fX0ULv7Z1r3N9zlKApLokTWmQ7MltOLCRbTr' +
    'zFTb/E4hYboxAZ6cu9TPEIow8/xq4AUgE62tgnCcOf7tob/1VExjG37q7Fn9wFTqMnuzD2UCzjIs/yNRVOguFZxToG4GE9Nt' +
    'uXH8fimrzijst5bxDpSDLvUpHDYgcoDzvXYXPD9U9zkxhAhn6UfNpOjIJCFClFgbUYCzeJmuexaF1QVkQm8TFwYTVEldsHBK' +
    'iqbpnMbeuidEyKh9ZeDDyJwyiEjWoLEs5ZAOlJFsvo8ylJJ+HeVNADoBpvFDlUr4TkGlAALNCxsAAcwC2xEAAK2uDjM+MA2L' +
    'AgAAAAABWVo=',
  noise:
    '/Td6WFoAAAD/EtlBAgAhARYAAAB0L+WjAQBjxn6Ba0v74vtU9r3ffBzhhwG/Md5Wcg9HZ2aHWaqIPFnqVhN70oWh2DxUVS83' +
    'rmVb2gJ5mMzjGnaOX9mZjx8/Nu5DeE0N+r6m2uSGjtwpbU7/VuFwIPuPsVgFkMUJ3FPNqjtImQAAAXRkmKwKIQZynnoBAAAA' +
    'AABZWg==',
  delta:
    '/Td6WFoAAATm1rRGAgEDAQAhARZ5IMTuAQBjxrgD6uCw5xlZoscinaDFpnq+cq14HJ04IP8h0lHetB2RbL1oV7McN2QYAdoI' +
    'd7f2fyh3HzQXN1wY0XrA9pAg97hVNdXA7cToNAqiCE5NROGxV4uPsNuUIqetizVE03d63ZENUQAkBJ/KwJLwBwABfGSQJtPp' +
    'H7bzfQEAAAAABFla',
}
const file = (name: string): Buffer => Buffer.from(FILES[name]!, 'base64')
const LIMIT = 1 << 20

test('files of all kinds of checks, of several blocks and of stored chunks are decompressed', t => {
  for (const name of ['text crc64', 'text sha256 blocks', 'text crc32']) {
    t.true(TEXT.equals(decompressXz(file(name), LIMIT)), name)
  }
  t.true(NOISE.equals(decompressXz(file('noise'), LIMIT)))
})

test('CRC-64 is that of ECMA-182', t => {
  t.is(crc64(Buffer.from('123456789')), 0x995d_c9bb_df19_39fan)
  t.is(crc64(new Uint8Array(0)), 0n)
})

test('a file that is larger than the limit is refused before it is decompressed', t => {
  t.throws(() => decompressXz(file('text crc64'), TEXT.length - 1), {
    instanceOf: ObjectFileError,
    message: `Damaged .xz data: ${TEXT.length} bytes exceed the limit of ${TEXT.length - 1}`,
  })
})

test('an index with more records than the file has room for blocks is refused before they are read', t => {
  const sealed = (part: Buffer): Buffer => {
    const crc = Buffer.alloc(4)
    crc.writeUInt32LE(crc32(part))
    return Buffer.concat([part, crc])
  }
  const count = 1000
  // An empty block for each record would take 16 bytes: there is room for one less than all.
  const records = Buffer.alloc(2 * count)
  const index = sealed(
    Buffer.concat([Buffer.from([0, 0x80 | (count & 0x7f), count >> 7]), records, Buffer.of(0)]),
  )
  const fields = Buffer.from([0, 0, 0, 0, 0, 0])
  fields.writeUInt32LE(index.length / 4 - 1)
  const ends = sealed(fields)
  const bytes = Buffer.concat([
    Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]),
    sealed(Buffer.alloc(2)),
    Buffer.alloc(16 * (count - 1)),
    index,
    ends.subarray(6),
    fields,
    Buffer.from('YZ'),
  ])
  t.throws(() => decompressXz(bytes, LIMIT), { instanceOf: ObjectFileError, message: /1000 blocks$/ })
})

test('another filter is refused', t => {
  t.throws(() => decompressXz(file('delta'), LIMIT), { message: /a filter other than LZMA2/ })
})

test('a file that is cut off anywhere is refused', t => {
  for (const name of Object.keys(FILES)) {
    const bytes = file(name)
    for (let length = 0; length < bytes.length; length += 7) {
      t.throws(() => decompressXz(bytes.subarray(0, length), LIMIT), { instanceOf: ObjectFileError })
    }
  }
})

test('damaged files end in a typed error, or in what they contain', t => {
  const names = Object.keys(FILES)
  const change = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (name, changes) => {
          const bytes = file(name)
          for (const [at, value] of changes) bytes[at % bytes.length]! ^= value
          try {
            decompressXz(bytes, LIMIT)
          } catch (error) {
            return error instanceof ObjectFileError
          }
          return true
        },
      ),
      { numRuns: 500 },
    ),
  )
})
