import test from 'ava'
import { dataMapName } from '../../../src/elf/object/data-map-name.ts'

for (const [file, section, name] of [
  ['my_object_name.bpf.o', '.rodata', 'my_objec.rodata'],
  ['my_object_name.bpf.o', '.bss', 'my_objec.bss'],
  ['my_object_name.bpf.o', '.kconfig', 'my_obje.kconfig'],
  ['my_object_name.bpf.o', '.rodata.abracadabra', '.rodata.abracad'],
  ['my_object_name.bpf.o', '.data.mine', '.data.mine'],
  ['/usr/lib/agents/a-b.o', '.data', 'a_b.data'],
  ['short', '.bss', 'short.bss'],
  ['.hidden.o', '.bss', '.bss'],
  ['ü.o', '.bss', '_.bss'],
  [undefined, '.data', '.data'],
] as const) {
  test(`the map of ${section} in ${file ?? 'an object without a name'} is ${name} in the kernel`, t => {
    t.is(dataMapName(file, section), name)
  })
}
