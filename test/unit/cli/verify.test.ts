import { spawnSync } from 'node:child_process'
import test from 'ava'
import { objectPath } from '../../support/objects.ts'

/** Runs `ebpf-ts verify`. */
function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['build/src/cli/main.js', 'verify', ...args], { encoding: 'utf8' })
}

test('verify --btf needs no kernel, and tells what fails and where', t => {
  const { stdout, status } = run(objectPath('core'), '--btf', 'test/btf/abi.btf')
  t.is(status, 1)
  t.regex(stdout, /^OBJECT +PROGRAM +RELOCATIONS +FAILING\n/)
  t.regex(stdout, /^core\.bpf\.o +unguarded_access +1 +1$/m)
  t.regex(
    stdout,
    /^core\.bpf\.o: unguarded_access: refused if the verifier gets there\n {2}field_byte_offset of struct task_struct___missing\.does_not_exist: the kernel has no struct task_struct___missing \(.*core\.bpf\.c:286\)$/m,
  )
})

test('verify --btf succeeds where nothing fails', t => {
  const { stdout, status } = run(objectPath('functions'), '--btf', 'test/btf/abi.btf', '--json')
  t.is(status, 0)
  const { version, programs } = JSON.parse(stdout) as { version: number; programs: object[] }
  t.is(version, 1)
  t.deepEqual(programs[0], {
    file: 'functions.bpf.o',
    program: 'first',
    relocations: 0,
    failures: [],
    error: null,
  })
})

test('types are also taken from an ELF file', t => {
  const { stdout } = run(objectPath('core'), '--btf', objectPath('core'))
  t.regex(stdout, /^core\.bpf\.o +nesting +4 +0$/m)
})

test('an object that cannot be read is told, and the others are seen to', t => {
  const { status, stdout, stderr } = run('package.json', objectPath('functions'), '--btf', 'test/btf/abi.btf')
  t.is(status, 1)
  t.is(stderr, 'ebpf-ts verify: Not an ELF file (package.json, offset 0x0)\n')
  t.regex(stdout, /^functions\.bpf\.o +first +0 +0$/m)
  // No table without an object.
  t.like(run('package.json'), { status: 1, stdout: '' })
})

test('wrong use is told', t => {
  for (const args of [[], ['a', '--json', '--csv'], ['a', '--btf', 'b', '--csv'], ['a', '--attach']]) {
    t.like(run(...args), { status: 2, stdout: '' })
  }
  t.like(run(objectPath('core'), '--btf', '/no/such/file'), { status: 1, stdout: '' })
  t.regex(
    run(objectPath('core'), '--btf', '/no/such/file').stderr,
    /^ebpf-ts verify: Cannot read \/no\/such\/file: /,
  )
  t.regex(run(objectPath('core'), '--btf', 'package.json').stderr, /^ebpf-ts verify: .*package\.json/)
})
