import test from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { extInfo, type LoadedBtf } from '../../../src/programs/ext-info.ts'

test('an exception callback has a record, although nothing refers to it', t => {
  const btf = { fd: 3, stringOffset: () => undefined } as unknown as LoadedBtf
  const instructions = [
    { ...mov(r0, 0), symbol: 'main', funcTypeId: 8 },
    exit(),
    { ...mov(r0, 1), symbol: 'thrown', funcTypeId: 5 },
    exit(),
  ]
  const words = (callback?: string): number[] => [
    ...new Uint32Array(extInfo(instructions, btf, callback).functions.slice().buffer),
  ]
  t.deepEqual(words('thrown'), [0, 8, 2, 5])
  t.deepEqual(words(), [0, 8])
})
