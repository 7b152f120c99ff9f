import test from 'ava'
import {
  listsFunction,
  loadedModules,
  parseTraceableFunctions,
  repeatedNames,
} from '../../../src/symbols/traceable.ts'

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

test('an empty line is not a function', t => {
  t.deepEqual(parseTraceableFunctions('', false), [])
  t.deepEqual(parseTraceableFunctions('\n', true), [])
})

test('a function is in a list by its whole name', t => {
  const text = 'first\nvfs_read\nserial_show [virtio_blk]\nlast'
  for (const name of ['first', 'vfs_read', 'serial_show', 'last']) t.true(listsFunction(text, name), name)
  for (const name of ['', 'vfs', 'read', 'virtio_blk', '[virtio_blk]', 'ast'])
    t.false(listsFunction(text, name), name)
  t.false(listsFunction('vfs_readv\nmy_vfs_read\n', 'vfs_read'))
  t.true(listsFunction('vfs_readv\nvfs_read\n', 'vfs_read'))
})

test('a name may be qualified by its module', t => {
  const text = 'show\nshow [loop]\nonly\nopen [nbd]\nopen [nbdx]\nlast'
  for (const name of ['vmlinux:show', 'loop:show', 'nbd:open', 'nbdx:open', 'vmlinux:last', 'last', 'open'])
    t.true(listsFunction(text, name), name)
  for (const name of ['nbd:show', 'vmlinux:open', 'loop:only', 'loop:', ':show', 'nb:open', 'loop:last'])
    t.false(listsFunction(text, name), name)
})

test('names that several functions have, of the kernel or of modules', t => {
  const text = 'show\nvfs_read\nshow [loop]\nopen [loop]\nopen [nbd]\nopen [nbd]\nlast\n'
  t.deepEqual([...repeatedNames(text)], ['show', 'open'])
  t.deepEqual([...repeatedNames('')], [])
  t.deepEqual([...repeatedNames('\n\n')], [])
  t.deepEqual([...repeatedNames('__ftrace_invalid_address___64\n__ftrace_invalid_address___64\n')], [])
})

test('modules are the same ones however often they are used, and others at other addresses', t => {
  const loaded = loadedModules(
    'loop 40960 0 - Live 0xffffffffc0000000\nnbd 4096 0 - Live 0xffffffffc0010000 (O)\n',
  )
  t.is(
    loadedModules('loop 40960 2 a,b, Live 0xffffffffc0000000\nnbd 4096 1 - Live 0xffffffffc0010000 (O)\n'),
    loaded,
  )
  t.not(
    loadedModules('loop 40960 0 - Live 0xffffffffc0200000\nnbd 4096 0 - Live 0xffffffffc0010000 (O)\n'),
    loaded,
  )
  t.not(loadedModules('loop 40960 0 - Live 0xffffffffc0000000\n'), loaded)
  t.is(loadedModules(''), '')
})
