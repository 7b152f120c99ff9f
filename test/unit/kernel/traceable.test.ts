import test from 'ava'
import { parseTraceableFunctions } from '../../../src/kernel/traceable.ts'

test('a list of names, some of modules', t => {
  t.deepEqual(parseTraceableFunctions('vfs_read\nserial_show [virtio_blk]\nfoo.isra.0\n', false), [
    { name: 'vfs_read', address: undefined, module: undefined },
    { name: 'serial_show', address: undefined, module: 'virtio_blk' },
    { name: 'foo.isra.0', address: undefined, module: undefined },
  ])
})

test('a list with addresses', t => {
  const text = 'ffffffff81000024 vfs_read\nffffffffc0000000 serial_show [virtio_blk]\n'
  t.deepEqual(parseTraceableFunctions(text, true), [
    { name: 'vfs_read', address: 0xffffffff81000024n, module: undefined },
    { name: 'serial_show', address: 0xffffffffc0000000n, module: 'virtio_blk' },
  ])
})

test('functions that lost against others of their name are left out', t => {
  t.deepEqual(parseTraceableFunctions('__ftrace_invalid_address___64\nvfs_read\n', false), [
    { name: 'vfs_read', address: undefined, module: undefined },
  ])
  t.deepEqual(parseTraceableFunctions('ffffffff81000000 __ftrace_invalid_address___64\n', true), [])
})

test('nothing is no function', t => {
  t.deepEqual(parseTraceableFunctions('', false), [])
  t.deepEqual(parseTraceableFunctions('\n', true), [])
})
