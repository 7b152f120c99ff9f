import test from 'ava'
import { functionAddress } from '../../../src/symbols/function-address.ts'
import { KernelSymbols } from '../../../src/symbols/kallsyms.ts'

const symbols = new KernelSymbols(
  Buffer.from(
    [
      'ffffffff81000010 T show',
      'ffffffff81000020 d only',
      'ffffffff81000030 t only',
      'ffffffffc0000010 t show\t[loop]',
      'ffffffffc0000020 t twice\t[loop]',
      'ffffffffc0000030 t twice\t[loop]',
      '',
    ].join('\n'),
  ),
)

test('a function has one address, also among variables of its name', t => {
  t.is(functionAddress(symbols, 'only'), 0xffff_ffff_8100_0030n)
  t.is(functionAddress(symbols, 'vmlinux:only'), 0xffff_ffff_8100_0030n)
  t.is(functionAddress(symbols, 'vmlinux:show'), 0xffff_ffff_8100_0010n)
  t.is(functionAddress(symbols, 'loop:show'), 0xffff_ffff_c000_0010n)
})

test('none, several and hidden ones are errors of their own', t => {
  for (const name of ['none', 'nbd:show', 'loop:only', 'loop:', '']) {
    t.throws(() => functionAddress(symbols, name), {
      code: 'ENOENT',
      message: `Cannot find function ${name}`,
    })
  }
  for (const name of ['show', 'loop:twice']) {
    t.throws(() => functionAddress(symbols, name), { code: 'EADDRNOTAVAIL' })
  }
  const hidden = new KernelSymbols(Buffer.from('0000000000000000 T show\n'))
  t.throws(() => functionAddress(hidden, 'show'), { code: 'EPERM', message: /kptr_restrict/ })
})
