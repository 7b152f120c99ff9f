import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { exit } from '../../../src/asm/jumps.ts'
import { writeElf } from '../../../src/elf/write.ts'
import { code } from '../../support/elf/files.ts'
import { objectPath } from '../../support/objects.ts'

/** Runs `ebpf-ts verify`. */
function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['build/src/cli/main.js', 'verify', ...args], { encoding: 'utf8' })
}

test('verify --btf needs no kernel, and says what fails and where', t => {
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

test('an object that cannot be read is reported, and the others are verified', t => {
  const { status, stdout, stderr } = run('package.json', objectPath('functions'), '--btf', 'test/btf/abi.btf')
  t.is(status, 1)
  t.is(stderr, 'ebpf-ts verify: Not an ELF file (package.json, offset 0x0)\n')
  t.regex(stdout, /^functions\.bpf\.o +first +0 +0$/m)
  // No table without an object.
  t.like(run('package.json'), { status: 1, stdout: '' })
})

test('an object without programs says why, and the others are verified', t => {
  const directory = mkdtempSync(join(tmpdir(), 'verify-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const library = join(directory, 'library.o')
  const symbols = [{ name: 'helper', section: 1, size: 8 }]
  writeFileSync(library, writeElf({ sections: [code('.text', [exit()])], symbols }))
  const reason =
    'its functions (helper) are in section .text, for programs to call; SEC("...") makes a function a program'
  const { status, stdout, stderr } = run(library, objectPath('functions'), '--btf', 'test/btf/abi.btf')
  t.is(status, 1)
  t.is(stderr, `ebpf-ts verify: library.o has no programs: ${reason}\n`)
  t.regex(stdout, /^functions\.bpf\.o +first +0 +0$/m)
  t.like(run(library), { status: 1, stdout: '', stderr })
  const inspected = spawnSync(process.execPath, ['build/src/cli/main.js', 'inspect', library], {
    encoding: 'utf8',
  })
  t.is(inspected.status, 1)
  t.is(inspected.stderr, `ebpf-ts inspect: ${library} has no programs: ${reason}\n`)
})

test('a reader that goes away changes no exit code, and is not an error', t => {
  for (const [args, code] of [
    [['inspect', objectPath('core'), '--disassemble'], 0],
    [['inspect', objectPath('core'), '--json'], 0],
    [['verify', objectPath('core'), '--btf', 'test/btf/abi.btf'], 1],
    [['inspect', 'package.json', '--json'], 1],
    [['--help'], 0],
  ] as const) {
    // The reader is gone before anything is written.
    const command = `{ sleep 0.5; exec ${process.execPath} build/src/cli/main.js ${args.join(' ')}; } | true; echo \${PIPESTATUS[0]}`
    const { stdout, stderr } = spawnSync('bash', ['-c', command], { encoding: 'utf8' })
    t.deepEqual([stdout, stderr], [`${code}\n`, ''], args.join(' '))
  }
})

test('objects that cannot be read are members of the document, or its error', t => {
  const some = run('package.json', objectPath('functions'), '--btf', 'test/btf/abi.btf', '--json')
  t.deepEqual([some.status, some.stderr], [1, ''])
  const { programs, errors } = JSON.parse(some.stdout) as { programs: object[]; errors: object[] }
  t.true(programs.length > 0)
  t.is(errors.length, 1)
  t.like(errors[0], { file: 'package.json', code: 'ERR_OBJECT_FILE', reason: 'Not an ELF file' })
  t.like(JSON.parse(run('package.json', '--json').stdout), { error: { code: 'ERR_OBJECT_FILE', offset: 0 } })
  const none = JSON.parse(run('package.json', '/nowhere', '--json').stdout) as { error: { errors: object[] } }
  t.like(none.error, { code: 'ERR_OBJECT_FILE', message: 'Cannot verify any of the objects' })
  t.is(none.error.errors.length, 2)
  t.like(none.error.errors[1], { file: 'nowhere', code: 'ENOENT' })
})

test('wrong use has exit code 2, a file that cannot be read 1', t => {
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
