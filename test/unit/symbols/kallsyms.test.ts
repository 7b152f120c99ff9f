import test from 'ava'
import fc from 'fast-check'
import { KernelSymbols, splitModule } from '../../../src/symbols/kallsyms.ts'

const TEXT = `ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000010 t serial_show
ffffffff81000020 T vfs_read
ffffffff81000030 t vfs_read.cold
ffffffff81000040 W weak_function
ffffffff81000050 D vfs_read_data
ffffffffc0000000 t serial_show\t[virtio_blk]
ffffffffc0000010 d vfs_read\t[odd_module]
ffffffffc0001000 t bpf_prog_6deef7357e7b4530_probe\t[bpf]
`

const symbols = (text: string): KernelSymbols => new KernelSymbols(new TextEncoder().encode(text))
const kernel = symbols(TEXT)

test('a symbol is found by its whole name', t => {
  t.deepEqual(kernel.find('weak_function'), [
    { name: 'weak_function', address: 0xffffffff81000040n, type: 'W', module: undefined },
  ])
  for (const part of ['weak', 'function', 'vfs_', 'T', 'vfs_read.col', '[virtio_blk]', '']) {
    t.deepEqual(kernel.find(part), [], part)
  }
})

test('every symbol of a name is found, in the order of the file', t => {
  t.deepEqual(
    kernel.find('serial_show').map(({ address, module }) => [address, module]),
    [
      [0xffffffff81000010n, undefined],
      [0xffffffffc0000000n, 'virtio_blk'],
    ],
  )
})

test('a module narrows the search; vmlinux is the kernel itself', t => {
  const modules = (name: string) => kernel.find(name).map(({ module }) => module)
  t.deepEqual(modules('virtio_blk:serial_show'), ['virtio_blk'])
  t.deepEqual(modules('vmlinux:serial_show'), [undefined])
  t.deepEqual(modules('other:serial_show'), [])
  t.deepEqual(modules('bpf:bpf_prog_6deef7357e7b4530_probe'), ['bpf'])
  t.deepEqual(splitModule('virtio_blk:serial_show'), ['virtio_blk', 'serial_show'])
  t.deepEqual(splitModule('vfs_read'), [undefined, 'vfs_read'])
})

test('functions are the text symbols, weak ones too', t => {
  t.deepEqual(
    [...kernel.functions()].map(({ name }) => name),
    [
      ...['_stext', '_text', 'serial_show', 'vfs_read', 'vfs_read.cold', 'weak_function'],
      ...['serial_show', 'bpf_prog_6deef7357e7b4530_probe'],
    ],
  )
})

test('variants of a function are the functions that the compiler made of it', t => {
  const more = symbols(
    `${TEXT}ffffffffc0002000 t vfs_read.cold\t[odd_module]\nffffffffc0002010 t my_vfs_read.isra.0\n`,
  )
  t.deepEqual(more.variants('vfs_read'), ['vfs_read.cold'])
  t.deepEqual(more.variants('my_vfs_read'), ['my_vfs_read.isra.0'])
  t.deepEqual(more.variants('vfs_read_data'), [])
  t.deepEqual(more.variants('read'), [])
})

test('an address belongs to the nearest symbol before it, of several to the first', t => {
  const at = (address: bigint) => {
    const found = kernel.at(address)
    return found && [found.symbol.name, found.offset]
  }
  t.deepEqual(at(0xffffffff81000020n), ['vfs_read', 0])
  t.deepEqual(at(0xffffffff8100002fn), ['vfs_read', 15])
  t.deepEqual(at(0xffffffff81000008n), ['_stext', 8])
  t.deepEqual(at(0xffffffffc0001004n), ['bpf_prog_6deef7357e7b4530_probe', 4])
  t.is(at(0xffffffff80ffffffn), undefined)
})

test('symbols that are not sorted are found by address too', t => {
  const shuffled = symbols(TEXT.trim().split('\n').reverse().join('\n'))
  t.is(shuffled.at(0xffffffff81000021n)?.symbol.name, 'vfs_read')
})

test('what is found is the same after many lookups, when there are indexes', t => {
  const many = symbols(TEXT)
  const found = () => [many.find('serial_show'), many.at(0xffffffff81000008n), many.at(0xffffffffc0000004n)]
  const first = found()
  for (let i = 0; i < 10_000; i++) many.at(0xffffffff81000020n)
  for (let i = 0; i < 10; i++) many.find('vfs_read')
  t.deepEqual(found(), first)
})

test('hidden addresses are 0, and no symbol is found by address', t => {
  const hidden = symbols(TEXT.replaceAll(/^[0-9a-f]{16}/gm, '0'.repeat(16)))
  t.is(hidden.find('vfs_read')[0]?.address, 0n)
  t.is(hidden.at(0n), undefined)
  t.is(hidden.at(0xffffffff81000020n), undefined)
})

test('the last line may lack its end', t => {
  const cut = symbols('ffffffff81000000 T first\nffffffff81000010 t last')
  t.is(cut.find('last')[0]?.address, 0xffffffff81000010n)
  t.deepEqual(
    [...cut.functions()].map(({ name }) => name),
    ['first', 'last'],
  )
  t.is(cut.at(0xffffffff81000011n)?.symbol.name, 'last')
})

test('static variables are found under the name that they had before link-time optimisation', t => {
  const kernel = symbols(`ffffffff81000000 d counters.llvm.123
ffffffff81000010 t counters.llvm.456
ffffffff81000020 d other_counters.llvm.789
ffffffff81000030 d counters.llvmish
ffffffff81000040 d plain
`)
  const names = (name: string): string[] => kernel.findVariables(name).map(each => each.name)
  t.deepEqual(names('counters'), ['counters.llvm.123'])
  t.deepEqual(names('plain'), ['plain'])
  t.deepEqual(kernel.find('counters'), [])
})

test('no symbols', t => {
  const none = symbols('')
  t.deepEqual(none.find('vfs_read'), [])
  t.deepEqual([...none.functions()], [])
  t.is(none.at(1n), undefined)
})

test('any list of symbols is found again, by name and by address', t => {
  const name = fc.stringMatching(/^[a-zA-Z_][\w.]{0,12}$/)
  const row = fc.record({
    name,
    address: fc.bigInt(1n, (1n << 64n) - 1n),
    type: fc.constantFrom('t', 'T', 'W', 'd', 'b'),
    module: fc.option(name, { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), fc.nat(20), (any, sorted) => {
      // As in the file: sorted ones, then others.
      const own = any.slice(0, sorted).sort((a, b) => (a.address < b.address ? -1 : 1))
      const rows = [...own, ...any.slice(sorted)]
      const lines = rows.map(
        each =>
          `${each.address.toString(16).padStart(16, '0')} ${each.type} ${each.name}${each.module === undefined ? '' : `\t[${each.module}]`}`,
      )
      const read = symbols(`${lines.join('\n')}\n`)
      for (const { name: wanted, address } of rows) {
        t.deepEqual(
          read.find(wanted),
          rows.filter(each => each.name === wanted),
        )
        t.deepEqual(read.at(address), { symbol: rows.find(each => each.address === address)!, offset: 0 })
      }
    }),
  )
})
