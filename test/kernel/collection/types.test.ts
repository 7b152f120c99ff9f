/** BTF that the kernel refuses: it is mended, and where it cannot be, the errors of what needs it say so. */

import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r3 } from '../../../src/asm/registers.ts'
import { Btf } from '../../../src/btf/btf.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { writeElf } from '../../../src/elf/write.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { futureBtf, futureLayout, futureStrings, futureWords } from '../../support/btf/future.ts'
import { btfOf, int, member, struct } from '../../support/btf/types.ts'
import { code } from '../../support/elf/files.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject, runOnce } from '../../support/objects.ts'

/** An object with one program, which returns 7 unless it is broken. */
function objectWith(btf: Btf, { broken = false } = {}): CollectionSpec {
  const instructions = [broken ? mov(r0, r3) : mov(r0, 7), exit()]
  const bytes = writeElf({
    sections: [code('socket', instructions), { name: '.BTF', data: btf.bytes }],
    symbols: [{ name: 'main', section: 1, size: 16 }],
  })
  return CollectionSpec.parse(bytes)
}

/** A hash map whose value is of a type. */
function withMap(spec: CollectionSpec, btf: Btf, valueTypeId: number): CollectionSpec {
  const [keySize, valueSize] = [4, btf.sizeOf(valueTypeId)]
  spec.maps.set('pairs', {
    name: 'pairs',
    type: 'hash',
    keySize,
    valueSize,
    maxEntries: 1,
    btf,
    keyTypeId: 1,
    valueTypeId,
  })
  return spec
}

const rust: BtfType[] = [
  int('u32', 4),
  struct('Pair<u32, u32>', 8, member('__0', 1, 0), member('{b}', 1, 32)),
]
/** The second is larger than its only member's type allows: it is nothing that can be mended. */
const wrong: BtfType[] = [int('u32', 4), struct('wrong', 4, member('a', 1, 32))]

kernelTest('names of Rust are mended, so that maps keep their types', [], t => {
  const btf = btfOf(rust)
  using collection = Collection.load(withMap(objectWith(btf), btf, 2))
  t.is(runOnce(collection.programs.get('main')), 7)
  t.true(collection.maps.get('pairs').info().btfId > 0)
})

kernelTest('BTF of the future does not stop a load', [], t => {
  const btf = Btf.parse(futureBtf({ words: futureWords, strings: futureStrings, layout: futureLayout }))
  using collection = Collection.load(objectWith(btf))
  t.is(runOnce(collection.programs.get('main')), 7)
})

kernelTest('BTF that cannot be mended does not stop what works without', [], t => {
  using collection = Collection.load(objectWith(btfOf(wrong)))
  t.is(runOnce(collection.programs.get('main')), 7)
})

kernelTest('the refusal of the BTF is part of the error of a program', [], async t => {
  const spec = objectWith(btfOf(wrong), { broken: true })
  const expected = {
    instanceOf: VerifierError,
    message: /\n {4}the kernel does not have the object's types: Cannot load BTF of \d+ bytes.*\(?EINVAL/,
  }
  t.throws(() => Collection.load(spec), expected)
  await t.throwsAsync(Collection.loadAsync(spec), expected)
})

kernelTest('static variables are those that programs use', [], t => {
  using collection = loadObject('statics')
  const values = (): unknown[] =>
    ['tiny', 'small', 'plain', 'wide', 'shared'].map(name => collection.variables.get(name).get())
  t.deepEqual(values(), [-1, -2, 3, 4n, 6])
  t.is(runOnce(collection.programs.get('sum')), -1 - 2 + 3 + 4 + 5 + 6 + 8 + 71)
  t.is(runOnce(collection.programs.get('change')), 0)
  t.deepEqual(values(), [11, 12, 13, 14n, 16])
})
