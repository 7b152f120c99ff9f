import { readFileSync } from 'node:fs'
import test from 'ava'
import { BPF_F_LINK } from '../../../src/abi/generated/flags.ts'
import { parseObject } from '../../../src/elf/object/object.ts'
import { copyMapSpec } from '../../../src/maps/spec.ts'

const { maps, programs, btf } = parseObject(readFileSync('test/bpf/struct-ops.bpf.o'))

test('variables of each kind of section are maps of operations', t => {
  const found = [...maps.values()].map(({ name, type, flags, autocreate }) => [name, type, flags, autocreate])
  t.deepEqual(found, [
    ['plain', 'struct_ops', 0, true],
    ['dummy', 'struct_ops', 0, true],
    ['linked', 'struct_ops', BPF_F_LINK, true],
    ['optional', 'struct_ops', BPF_F_LINK, false],
  ])
})

test('function pointers name programs', t => {
  t.deepEqual(
    [...maps.get('optional')!.programs!],
    [
      ['ssthresh', 'halve'],
      ['cong_avoid', 'stay'],
      ['undo_cwnd', 'undo'],
      ['not_yet', 'unused'],
    ],
  )
  for (const program of maps.get('plain')!.programs!.values()) t.is(programs.get(program)!.type, 'struct_ops')
})

test('everything but function pointers is the initial value', t => {
  const { contents, valueSize, valueTypeId } = maps.get('linked')!
  const { value } = contents![0]!
  t.is(btf!.name(valueTypeId!), 'tcp_congestion_ops___short')
  t.true(value instanceof Uint8Array && value.length === valueSize)
  t.is(Buffer.from(value as Uint8Array).toString('latin1', 0, 16), 'ebpf_ts_link\0\0\0\0')
})

test('a copy has programs of its own', t => {
  const copy = copyMapSpec(maps.get('plain')!)
  copy.programs!.clear()
  t.is(maps.get('plain')!.programs!.size, 3)
})

test('a map whose programs cannot be told is refused with its place', t => {
  const original = readFileSync('test/bpf/struct-ops.bpf.o')
  const withoutBtf = Buffer.from(original)
  withoutBtf.write('.xxx', withoutBtf.lastIndexOf('.BTF\0'))
  t.throws(() => parseObject(withoutBtf, 'x.o'), {
    code: 'ERR_OBJECT_FILE',
    message: /no BTF that declares them \(x\.o, section \.struct_ops, offset 0x0\)/,
  })
})
