import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import { ABI_BTF, generate } from '../../../lab/generate/main.ts'
import { Btf } from '../../../src/btf/btf.ts'

test('the files in src/abi/generated are what `npm run generate` writes', t => {
  const files = generate(Btf.parse(readFileSync(ABI_BTF)))
  t.deepEqual(
    [...files.keys()].sort(),
    readdirSync('src/abi/generated').map(name => `src/abi/generated/${name}`),
  )
  for (const [path, source] of files) {
    t.true(readFileSync(path, 'utf8') === source, `${path} is stale: run npm run generate`)
  }
})

test('the BTF holds only what is generated from, of the newest kernel of the matrix', t => {
  const btf = Btf.parse(readFileSync(ABI_BTF))
  t.true(btf.bytes.length < 40_000)
  t.deepEqual(btf.findType('enum', 'bpf_map_type')?.values[1], { name: 'BPF_MAP_TYPE_HASH', value: 1 })
  t.true(btf.findType('enum', 'bpf_map_type')?.values.some(({ name }) => name === 'BPF_MAP_TYPE_INSN_ARRAY'))
  t.is(btf.find('task_struct'), undefined)
})
