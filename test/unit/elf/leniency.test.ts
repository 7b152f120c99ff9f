/** What libbpf takes although it says too much or too little. */

import test from 'ava'
import { BPF_F_NUMA_NODE } from '../../../src/abi/generated/flags.ts'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import { EM_NONE, EM_X86_64 } from '../../../src/elf/format.ts'
import { parseObject } from '../../../src/elf/object/object.ts'
import { writeElf } from '../../../src/elf/write.ts'
import { int, member, struct } from '../../support/btf/types.ts'
import { code } from '../../support/elf/files.ts'

const program = code('socket', [mov(r0, 0), exit()])
const main = { name: 'main', section: 1, size: 16 }

/** A map of type 1 with a NUMA node, and flags. */
function mapWithNode(flags: number): Uint8Array {
  const number = (count: number): BtfType => ({ kind: 'array', name: '', type: 1, indexType: 1, count })
  const builder = new BtfBuilder()
  const types: BtfType[] = [
    int('int', 4, 'signed'),
    struct('', 24, member('type', 6, 0), member('numa_node', 6, 64), member('map_flags', 8, 128)),
    { kind: 'var', name: 'm', type: 2, linkage: 'global' },
    { kind: 'datasec', name: '.maps', size: 0, variables: [{ type: 3, offset: 0, size: 24 }] },
    number(1),
    { kind: 'ptr', name: '', type: 5 },
    number(flags),
    { kind: 'ptr', name: '', type: 7 },
  ]
  for (const type of types) builder.add(type)
  return writeElf({
    sections: [
      program,
      { name: '.maps', data: new Uint8Array(24) },
      { name: '.BTF', data: builder.build('little') },
    ],
    symbols: [main, { name: 'm', type: 'object', section: 2, size: 24 }],
  })
}

test('a NUMA node is of no matter without its flag', t => {
  t.is(parseObject(mapWithNode(BPF_F_NUMA_NODE)).maps.get('m')!.numaNode, 1)
  t.is(parseObject(mapWithNode(1)).maps.get('m')!.numaNode, undefined)
})

test('compilers before LLVM 3.9 named no machine', t => {
  const object = writeElf({ sections: [program], symbols: [main], machine: EM_NONE })
  t.deepEqual([...parseObject(object).programs.keys()], ['main'])
  t.throws(() => parseObject(writeElf({ sections: [program], symbols: [main], machine: EM_X86_64 })), {
    message: 'Not a BPF object: it is for x86-64 (offset 0x12)',
  })
})
