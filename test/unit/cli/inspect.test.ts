import { spawnSync } from 'node:child_process'
import test from 'ava'
import { objectPath } from '../../support/objects.ts'

/** Runs `ebpf-ts inspect`. */
function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['build/src/cli/main.js', 'inspect', ...args], { encoding: 'utf8' })
}

test('inspect shows programs, maps and variables', t => {
  const { stdout, status } = run(objectPath('recent'))
  t.is(status, 0)
  t.is(
    stdout,
    `little-endian, license Dual MIT/GPL
needs Linux 5.16: map type bloom_filter

Programs
  use_recent (socket)
    socket_filter, 34 instructions
    subprograms: tagged_function
    helpers: bpf_map_push_elem, bpf_map_peek_elem
    maps: seen, .data, .bss
    needs Linux 5.2: global data

Maps
  seen
    bloom_filter, value __u32 (4 bytes), 64 entries, extra 0x3
  .data
    array, key of 4 bytes, value of 8 bytes, 1 entry, flags 0x400, 1 initial element
  .bss
    array, key of 4 bytes, value of 24 bytes, 1 entry, flags 0x400, 1 initial element

Variables
  enum wide wide = 'WIDE_SMALL' (.data+0)
  double real = 0 (.bss+0)
  struct tagged tagged = { plain: 0, member: 0, pointer: 0n } (.bss+8)
`,
  )
})

test('inspect --json prints one document', t => {
  const { stdout, status } = run(objectPath('recent'), '--json')
  t.is(status, 0)
  const document = JSON.parse(stdout) as { version: number; maps: { name: string; mapExtra: number }[] }
  t.is(document.version, 1)
  t.like(document.maps[0], { name: 'seen', mapExtra: 3 })
})

test('inspect --disassemble shows source lines, symbols and what is relocated', t => {
  const { stdout, status } = run(objectPath('core'), '--disassemble')
  t.is(status, 0)
  t.true(
    stdout.startsWith(`Program field_byte_offset (raw_tp)
field_byte_offset:
; int field_byte_offset(void *ctx) @ ./test/bpf/core.bpf.c:87
   0: r1 = 24 ; CO-RE field_byte_offset struct task_struct.pid
`),
    stdout.slice(0, 400),
  )
})

test('inspect says what is wrong with the file, or with its use', t => {
  t.like(run('package.json'), {
    status: 1,
    stdout: '',
    stderr: 'ebpf-ts inspect: Not an ELF file (package.json, offset 0x0)\n',
  })
  t.like(run('/no/such/file'), { status: 1, stdout: '' })
  t.like(run(), { status: 2, stdout: '' })
  t.regex(
    run(objectPath('core'), '--json', '--disassemble').stderr,
    /--json and --disassemble cannot be used together/,
  )
  t.is(run(objectPath('core'), '--json', '--disassemble').status, 2)
})
