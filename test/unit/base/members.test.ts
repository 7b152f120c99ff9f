import test from 'ava'
import { u8, u16 } from '../../../src/base/codecs.ts'
import { type Member, membersReader } from '../../../src/base/members.ts'

const view = new DataView(Uint8Array.from({ length: 32 }, (_, i) => i).buffer)

for (const count of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20]) {
  test(`a struct of ${count} members: each from its place, in their order`, t => {
    // From the last byte to the first.
    const members = Array.from(
      { length: count },
      (_, i): Member<number> => ({ name: `member_${i}`, offset: count - 1 - i, codec: u8 }),
    )
    const value = membersReader(members)(view, 3)
    t.is(Object.getPrototypeOf(value), Object.prototype)
    t.deepEqual(
      Object.entries(value),
      members.map(({ name, offset }) => [name, offset + 3]),
    )
  })
}

test('readers of structs with as many members do not mix them up', t => {
  const small = membersReader([
    { name: 'x', offset: 0, codec: u8 },
    { name: 'y', offset: 1, codec: u8 },
  ])
  const large = membersReader([
    { name: 'y', offset: 4, codec: u16 },
    { name: 'z', offset: 6, codec: u16 },
  ])
  for (let i = 0; i < 10; i++) {
    t.deepEqual(small(view, i), { x: i, y: i + 1 })
    t.deepEqual(large(view, i), { y: u16.decode(view, i + 4), z: u16.decode(view, i + 6) })
  }
})

test('a codec is called as a method', t => {
  class Scaled {
    readonly size = 1
    readonly #factor = 10
    decode(memory: DataView, offset: number): number {
      return memory.getUint8(offset) * this.#factor
    }
    encode(): void {}
  }
  t.deepEqual(membersReader([{ name: 'x', offset: 1, codec: new Scaled() }])(view, 1), { x: 20 })
})
