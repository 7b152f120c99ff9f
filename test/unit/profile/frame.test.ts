import test from 'ava'
import { chartFrame } from '../../../src/profile/frame.ts'

const jit = (name: string | undefined): Parameters<typeof chartFrame>[0] => ({
  address: 0x1000n,
  name,
  offset: 0,
  module: '[jit]',
})

test('frames of V8 have the name, the place and how they were compiled', t => {
  const frames: readonly [name: string, frame: ReturnType<typeof chartFrame>][] = [
    [
      'JS:*fib file:///srv/a.js:10:5',
      { name: 'fib', kind: 'jit', file: 'file:///srv/a.js', line: 10, column: 5 },
    ],
    ['JS:~f /srv/a b.js:1:2', { name: 'f', kind: 'interpreted', file: '/srv/a b.js', line: 1, column: 2 }],
    [
      "JS:+'get size node:internal/x:7:1",
      { name: 'get size', kind: 'jit', file: 'node:internal/x', line: 7, column: 1 },
    ],
    ['JS:o*g file:///a.js:3:4', { name: 'g', kind: 'jit', file: 'file:///a.js', line: 3, column: 4 }],
    ['JS:^ file:///a.js:3:4', { name: '(anonymous)', kind: 'jit', file: 'file:///a.js', line: 3, column: 4 }],
    ['JS:^f evalmachine:3:4', { name: 'f', kind: 'jit', file: 'evalmachine', line: 3, column: 4 }],
    ['JS:^f', { name: 'f', kind: 'jit' }],
    ['Eval:~ :1:1', { name: '(anonymous)', kind: 'interpreted' }],
    ['Builtin:ArrayMap', { name: 'ArrayMap', kind: 'builtin' }],
    ['BytecodeHandler:Star', { name: 'Star', kind: 'builtin' }],
    ["RegExp.> src: 'a' flags: ''", { name: "RegExp.> src: 'a' flags: ''", kind: 'jit' }],
    ['int J.fib(int)', { name: 'int J.fib(int)', kind: 'jit' }],
  ]
  for (const [name, frame] of frames) t.deepEqual(chartFrame(jit(name)), frame, name)
})

test('builtin functions have one name, in a perf map and in the binary', t => {
  const native = { address: 1n, name: 'Builtins_ArrayMap', offset: 0, module: '/usr/bin/node' }
  t.deepEqual(chartFrame(native), chartFrame(jit('Builtin:ArrayMap')))
})

test('frames of binaries, of the kernel, and without a name', t => {
  const frame = { address: 1n, name: 'main', offset: 0, module: '/bin/x' }
  t.deepEqual(chartFrame(frame), { name: 'main', kind: 'native', file: '/bin/x' })
  t.deepEqual(chartFrame({ ...frame, name: undefined }), { name: '[x]', kind: 'unknown', file: '/bin/x' })
  t.deepEqual(chartFrame({ ...frame, name: undefined, module: undefined }), {
    name: '[unknown]',
    kind: 'unknown',
  })
  const kernel = { address: 1n << 63n, offset: 0 }
  t.deepEqual(chartFrame({ ...kernel, name: 'vfs_read', module: 'vmlinux' }), {
    name: 'vfs_read',
    kind: 'kernel',
  })
  t.deepEqual(chartFrame({ ...kernel, name: 'f', module: 'ext4' }), {
    name: 'f',
    kind: 'kernel',
    file: 'ext4',
  })
  t.deepEqual(chartFrame({ ...kernel, name: undefined, module: undefined }), {
    name: '[kernel]',
    kind: 'kernel',
  })
})
