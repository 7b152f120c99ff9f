import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { Link } from '../../../src/links/link.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { obeyed } from '../../support/cli/hostile.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { objectPath } from '../../support/objects.ts'
import { eventually } from '../../support/poll.ts'

const CLI = 'build/src/cli/main.js'
const PROCESSES = objectPath('examples/processes')

/** Starts `ebpf-ts run`, and collects what it prints. */
function start(t: ExecutionContext, ...args: string[]) {
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, [CLI, 'run', ...args])
  const printed = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.stderr += text
  })
  const ended = new Promise<[code: number | null, signal: NodeJS.Signals | null]>(resolve =>
    child.on('close', (code, signal) => resolve([code, signal])),
  )
  t.teardown(() => child.kill('SIGKILL'))
  return { child, printed, ended }
}

/** Runs `ebpf-ts ...args` to its end, at most five minutes. */
function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: 300_000 })
}

/** How many of some links, by id, are in the kernel. */
function linksOf(ids: readonly number[]): number {
  let count = 0
  for (const link of Link.list()) {
    if (ids.includes(link.info().id)) count++
    link.close()
  }
  return count
}

/** Ids of all links. */
function linkIds(): number[] {
  return [...Link.list()].map(link => {
    const { id } = link.info()
    link.close()
    return id
  })
}

kernelTest('run prints as many records as it is asked for, as JSON', [], async t => {
  const { printed, ended } = start(t, PROCESSES, '--count', '3', '--json')
  t.true(await eventually(() => printed.stderr.includes('attached on_exit')))
  for (let i = 0; i < 3; i++) spawnSync('true')
  t.deepEqual(await ended, [0, null])
  t.is(
    printed.stderr,
    'attached on_exec to tracepoint sched_process_exec, with BTF\nattached on_exit to tracepoint sched_process_exit, with BTF\n',
  )
  const lines = printed.stdout.trimEnd().split('\n')
  t.is(lines.length, 3)
  for (const line of lines) {
    const { map, record } = JSON.parse(line)
    t.is(map, 'events')
    t.true(record.kind === 'EXEC' || record.kind === 'EXIT')
    t.deepEqual(Object.keys(record), [
      'kind',
      'pid',
      'ppid',
      'uid',
      'exit_code',
      'signal',
      'lifetime_ns',
      'comm',
      'filename',
    ])
    t.true(Number.isInteger(record.pid) && record.pid > 0)
    t.is(typeof record.comm, 'string')
  }
})

kernelTest(
  'records of perf buffers are printed with their CPU, and what has no type is said once',
  [],
  async t => {
    const { printed, ended } = start(t, objectPath('perf'), '--only', 'on_exec', '--count', '6', '--json')
    t.true(await eventually(() => printed.stderr.includes('attached on_exec')))
    for (let i = 0; i < 3; i++) spawnSync('true')
    t.deepEqual(await ended, [0, null])
    const records = printed.stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    t.is(records.length, 6)
    for (const { map, cpu, record } of records) {
      t.true(Number.isInteger(cpu))
      if (map === 'events') t.deepEqual(Object.keys(record), ['number', 'small'])
      else t.is(map, 'untyped')
    }
    t.true(records.some(({ map }) => map === 'events'))
    const note =
      'the object does not say of what type the records of untyped are; --record untyped=TYPE decodes them'
    t.is(printed.stderr.split(note).length, 2)
  },
)

kernelTest('run prints text for people', [], async t => {
  const { printed, ended } = start(t, PROCESSES, '--count', '1')
  t.true(await eventually(() => printed.stderr.includes('attached on_exit')))
  spawnSync('true')
  t.deepEqual(await ended, [0, null])
  t.regex(printed.stdout, /^events \{ kind: 'EX(EC|IT)', pid: \d+, .*comm: '.*\}\n$/)
})

kernelTest('a variable that was set is seen by the programs', [], async t => {
  // No process has lived for half a century: none is reported to end.
  const lifetime = 50n * 365n * 86_400n * 1_000_000_000n
  const args = ['--set', `min_lifetime_ns=${lifetime}`, '--count', '5', '--json']
  const { printed, ended } = start(t, PROCESSES, ...args)
  t.true(await eventually(() => printed.stderr.includes('attached on_exit')))
  for (let i = 0; i < 5; i++) spawnSync('true')
  t.deepEqual(await ended, [0, null])
  for (const line of printed.stdout.trimEnd().split('\n')) t.is(JSON.parse(line).record.kind, 'EXEC')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  kernelTest(`${signal} ends run well, and nothing stays attached`, [], async t => {
    const before = linkIds()
    const { child, printed, ended } = start(t, PROCESSES, '--json')
    t.true(await eventually(() => printed.stderr.includes('attached on_exit')))
    const made = linkIds().filter(id => !before.includes(id))
    t.true(made.length >= 2)
    child.kill(signal)
    t.deepEqual(await ended, [0, null])
    t.true(await eventually(() => linksOf(made) === 0))
  })
}

kernelTest('run ends with code 0 when its reader goes away', [], async t => {
  const { child, printed, ended } = start(t, PROCESSES)
  t.true(await eventually(() => printed.stderr.includes('attached on_exit')))
  child.stdout.destroy()
  let over = false
  void ended.then(() => {
    over = true
  })
  t.true(
    await eventually(() => {
      spawnSync('true')
      return over
    }),
  )
  t.deepEqual(await ended, [0, null])
  t.notRegex(printed.stderr, /EPIPE|Error/)
})

kernelTest('run stalls with its reader, and SIGTERM ends it with nothing attached', [], async t => {
  const before = linkIds()
  const child = spawn(process.execPath, [CLI, 'run', PROCESSES, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let notes = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    notes += text
  })
  const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve([code, signal])))
  t.true(await eventually(() => notes.includes('attached on_exit')))
  const made = linkIds().filter(id => !before.includes(id))
  // Records of half a megabyte, which no pipe holds. Nothing reads the child's standard output.
  spawnSync('sh', ['-c', 'i=0; while [ $i -lt 1500 ]; do /bin/true; i=$((i+1)); done'])
  t.true(await eventually(() => child.stdout.readableLength > 0))
  child.kill('SIGTERM')
  t.deepEqual(await ended, [0, null])
  t.true(await eventually(() => linksOf(made) === 0))
})

for (const options of [[], ['--json']]) {
  kernelTest(`names of processes reach the terminal escaped: ${options.join(' ') || 'text'}`, [], async t => {
    const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-cli-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    // The name of a process is that of its file, in 15 bytes.
    const path = join(directory, 'p\x1b[2J\x9b1m\u202e\r')
    cpSync('/bin/true', path)
    const { child, printed, ended } = start(t, PROCESSES, ...options)
    t.true(await eventually(() => printed.stderr.includes('attached on_exit')))
    const isShown = (): boolean => /comm"?: ?['"]p\\(x1B|u001b)\[2J/.test(printed.stdout)
    t.true(
      await eventually(() => {
        spawnSync(path)
        return isShown()
      }),
    )
    child.kill('SIGINT')
    t.deepEqual(await ended, [0, null])
    t.deepEqual(obeyed(printed.stdout), [])
  })
}

kernelTest('an object without a ring buffer runs until it is stopped', [], async t => {
  const { child, printed, ended } = start(t, objectPath('sections'))
  t.true(await eventually(() => printed.stderr.includes('no ring buffer')))
  t.is(
    printed.stderr,
    'attached on_raw_tp to raw tracepoint sched_switch\nthe object has no ring buffer and no perf buffer; Ctrl-C detaches\n',
  )
  child.kill('SIGINT')
  t.deepEqual(await ended, [0, null])
  t.is(printed.stdout, '')
})

kernelTest('programs are left out, maps sized and records typed by options', [], async t => {
  const { printed, ended } = start(
    t,
    PROCESSES,
    ...['--only', 'on_exit', '--map-size', 'events=5000', '--record', 'events=enum event_kind'],
    ...['--count', '2', '--json'],
  )
  t.true(await eventually(() => printed.stderr.includes('attached on_exit')))
  const sizes = [...BpfMap.list()].map(map => {
    const { name, maxEntries } = map
    map.close()
    return name === 'events' ? maxEntries : 0
  })
  t.true(sizes.includes(8192))
  for (let i = 0; i < 2; i++) spawnSync('true')
  t.deepEqual(await ended, [0, null])
  t.is(printed.stderr, 'attached on_exit to tracepoint sched_process_exit, with BTF\n')
  t.is(printed.stdout, '{"map":"events","record":"EXIT"}\n'.repeat(2))
})

kernelTest('an object of which nothing is loaded by default says which programs it has', [], t => {
  const { status, stderr } = run('run', objectPath('exceptions'))
  t.is(status, 1)
  t.is(
    stderr,
    'ebpf-ts run: nothing is attached: no program is loaded by default; name some with --only: throws, throws_without_callback, two_callbacks, hidden_callback, missing_callback\n',
  )
})

kernelTest('programs that cannot be attached are named with the reason', [], t => {
  const { status, stdout, stderr } = run('run', objectPath('functions'))
  t.is(status, 1)
  t.is(stdout, '')
  t.deepEqual(stderr.trimEnd().split('\n'), [
    ...['first', 'second', 'third', 'tail', 'jump'].map(
      name =>
        `did not attach ${name}: Cannot attach program ${name} by its section name: this version has no function that attaches to a socket`,
    ),
    'ebpf-ts run: nothing is attached',
  ])
})

const SECTIONS = objectPath('sections')

kernelTest('places that sections leave open are asked for by the names of the options', [], t => {
  for (const [program, remedy] of [
    ['on_xdp', 'it needs a network device: give --device'],
    ['on_cgroup_sock_create', 'it needs a control group: give --cgroup'],
    [
      'on_perf_event',
      'it needs an event, and how often it runs the program: give --event, --frequency or both',
    ],
  ] as const) {
    const { status, stdout, stderr } = run('run', SECTIONS, '--only', program, '--json')
    t.is(status, 1)
    t.is(stderr, `did not attach ${program}: ${remedy}\n`)
    t.like(JSON.parse(stdout), { error: { skipped: [{ program, code: 'ERR_NO_TARGET', message: remedy }] } })
  }
})

kernelTest('programs are attached where --device, --event and --frequency say', [], async t => {
  for (const [program, ...options] of [
    ['on_xdp', '--device', 'lo'],
    ['on_perf_event', '--event', 'cpu-clock'],
    ['on_perf_event', '--frequency', '9'],
  ] as const) {
    const { child, printed, ended } = start(t, SECTIONS, '--only', program, ...options)
    t.true(await eventually(() => printed.stderr.includes(`\nthe object has no ring buffer`)), printed.stderr)
    t.regex(printed.stderr, new RegExp(`^attached ${program} to `))
    child.kill('SIGINT')
    t.deepEqual(await ended, [0, null])
  }
  const { status, stderr } = run('run', SECTIONS, '--only', 'on_cgroup_sock_create', '--cgroup', '/proc/self')
  t.is(status, 1)
  t.notRegex(stderr, /--cgroup/)
})

kernelTest('a map that is left out is named where the verifier reaches it', [], t => {
  const { status, stderr } = run('run', PROCESSES, '--without', 'events')
  t.is(status, 1)
  t.regex(stderr, /: it needs map events, but that is not created/)
  t.notRegex(stderr, /unknown#/)
})

kernelTest('with --json a failure is a document, with what was not attached', [], t => {
  const { status, stdout, stderr } = run('run', objectPath('functions'), '--json')
  t.is(status, 1)
  t.regex(stderr, /^(did not attach .*\n){5}$/)
  const { error } = JSON.parse(stdout) as { error: { skipped: { program: string }[] } }
  t.like(error, { code: 'CLI_NOTHING_ATTACHED', message: 'nothing is attached' })
  t.deepEqual(
    error.skipped.map(({ program }) => program),
    ['first', 'second', 'third', 'tail', 'jump'],
  )
  t.like(error.skipped[0], { errno: null, hint: null })
})

/** Each assignment, and what is said of it. */
const assignments: readonly (readonly [assignment: string, complaint: RegExp])[] = [
  ['no_such=1', /No such variable "no_such"; known: /],
  ['=5', /--set needs NAME=VALUE, not "=5"/],
  ['ro_u8', /--set needs NAME=VALUE, not "ro_u8"/],
  ['ro_u8=256', /256/],
  ['ro_u8=', /it needs a number, not ""/],
  ['ro_s8=1.5', /1\.5/],
  ['ro_u64=', /it needs a number, not ""/],
  ['ro_u64=abc', /it needs a number, not "abc"/],
  ['ro_u64=1.5', /1\.5/],
  ['ro_u64=-1', /-1/],
  ['ro_bool=maybe', /it needs true or false/],
  ['ro_text=a text that is too long', /16/],
  ['ro_colour=PURPLE', /PURPLE/],
  ['ro_point=zzz', /JSON/],
  ['ro_point={"x":"a"}', /x/],
]

for (const [assignment, complaint] of assignments) {
  kernelTest(`--set ${assignment} is wrong use`, [], t => {
    const { status, stdout, stderr } = run('run', objectPath('data'), '--set', assignment)
    t.is(status, 2, stderr)
    t.is(stdout, '')
    const [message, hint] = stderr.split('\n')
    t.true(message!.startsWith('ebpf-ts run: --set '), message)
    t.regex(message!, complaint)
    t.is(hint, "Run 'ebpf-ts run --help' for details")
  })
}

kernelTest('--set takes values of every kind', [], t => {
  const values = [
    'ro_u8=0xff',
    'ro_s8=-0x80',
    'ro_u64=18446744073709551615',
    'ro_s64=-9223372036854775808',
    'ro_bool=false',
    'ro_text=sixteen chars =',
    'ro_colour=BLUE',
    'ro_point={"x":-1,"y":2}',
    'rw_grid=[[1,2,3],[4,5,65535]]',
  ]
  const { status, stderr } = run('run', objectPath('data'), ...values.flatMap(value => ['--set', value]))
  // The object's program needs a socket: it is loaded, not attached.
  t.is(status, 1)
  t.regex(stderr, /^did not attach touch: .*\nebpf-ts run: nothing is attached\n$/)
})

for (const [what, args, complaint] of [
  ['no arguments', [], /OBJECT is missing/],
  ['two objects', ['a.o', 'b.o'], /unexpected argument "b\.o"/],
  ['an unknown option', ['a.o', '--frob'], /--frob/],
  ['a count that is not a number', ['a.o', '--count', 'x'], /--count needs a positive number, not "x"/],
  ['a count of nothing', ['a.o', '--count', '0'], /--count needs a positive number, not "0"/],
] satisfies [string, string[], RegExp][]) {
  kernelTest(`${what}: wrong use`, [], t => {
    const { status, stdout, stderr } = run('run', ...args)
    t.deepEqual([status, stdout], [2, ''])
    t.regex(stderr, complaint)
  })
}

kernelTest('a command must be given, and known', [], t => {
  t.is(run().status, 2)
  const { status, stderr } = run('frob')
  t.is(status, 2)
  t.regex(stderr, /^ebpf-ts: unknown command "frob"\n\nUsage: /)
})

kernelTest('--help says how to use the tool and the command', [], t => {
  for (const args of [['run', '--help'], ['--help']]) {
    const { status, stdout, stderr } = run(...args)
    t.deepEqual([status, stderr], [0, ''])
    t.regex(stdout, /^Usage: ebpf-ts /)
  }
})

for (const [what, path, message] of [
  ['a file that does not exist', '/no/such', /^ebpf-ts run: Cannot read \/no\/such: ENOENT/],
  ['a directory', 'test/bpf', /^ebpf-ts run: Cannot read test\/bpf: a directory, not a regular file\n$/],
  [
    'a file that is not an object',
    'package.json',
    /^ebpf-ts run: Not an ELF file \(package\.json, offset 0x0\)\n$/,
  ],
  ['an object for another machine', process.execPath, /^ebpf-ts run: Not a BPF object/],
  ['an object of the other byte order', 'test/bpf/data.bpfeb.o', /compiled for big-endian machines/],
] satisfies [string, string, RegExp][]) {
  kernelTest(`${what} is reported without a stack`, [], t => {
    const { status, stdout, stderr } = run('run', path)
    t.deepEqual([status, stdout], [1, ''])
    t.regex(stderr, message)
    t.notRegex(stderr, /^\s+at /m)
  })
}

kernelTest('a kernel without BTF is reported, with what to do', [], t => {
  // Without CAP_SYS_ADMIN the kernel does not give it by its id either. By its path, since a shell may have its own.
  const setpriv = '/usr/bin/setpriv --bounding-set=-sys_admin --inh-caps=-all --'
  const script = `mount -t tmpfs none /sys/kernel/btf && exec ${setpriv} "$0" "$@"`
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['-m', 'sh', '-c', script, process.execPath, CLI, 'run', PROCESSES],
    { encoding: 'utf8', timeout: 300_000 },
  )
  t.deepEqual([status, stdout], [1, ''])
  t.is(
    stderr,
    `ebpf-ts run: Cannot load program on_exec (tp_btf/sched_process_exec): Reading the kernel's types is not supported by this kernel; /sys/kernel/btf/vmlinux is missing: the kernel must be built with CONFIG_DEBUG_INFO_BTF=y, or have an image with BTF where libbpf looks for one, such as /boot/vmlinux-${release()}\n`,
  )
})

kernelTest('a user without privileges learns what is missing', [], t => {
  // The user must be able to read the program: not every checkout lets others in.
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-cli-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  for (const path of ['build/src', 'node_modules', 'native', 'package.json', PROCESSES]) {
    if (path === 'node_modules') {
      // koffi's binary for this platform is a package of its own.
      for (const name of ['debug', 'ms', 'koffi', '@koromix'])
        cpSync(`${path}/${name}`, join(directory, path, name), { recursive: true })
    } else cpSync(path, join(directory, path), { recursive: true })
  }
  spawnSync('chmod', ['-R', 'a+rX', directory])
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(directory, CLI), 'run', join(directory, PROCESSES)],
    { uid: 65534, gid: 65534, encoding: 'utf8', timeout: 300_000 },
  )
  t.deepEqual([status, stdout], [1, ''])
  t.regex(stderr, /^ebpf-ts run: Cannot .*CAP_BPF.*run as root\n/)
  t.notRegex(stderr, /^\s+at .*\.js/m)
})

kernelTest('run prints the maps of an object that only counts', [], async t => {
  const { child, printed, ended } = start(t, objectPath('counting'), '--maps', '1')
  t.true(await eventually(() => printed.stderr.includes('attached on_exec')))
  for (let i = 0; i < 3; i++) spawnSync('true')
  t.true(await eventually(() => /^by_user: 1 entry\n {2}\{ uid: 0 \} = \d+$/m.test(printed.stdout)))
  child.kill('SIGINT')
  t.deepEqual(await ended, [0, null])
  t.regex(printed.stdout, /^by_cpu: 1 entry\n {2}1 = \d+$/m)
  t.regex(
    printed.stdout,
    /^hists: 1 entry\n +value +: count +distribution\n[\s\S]* 8 -> 15 +: [1-9]\d* +\|\*{40}\|$/m,
  )
  t.regex(printed.stdout, /^untyped: 1 entry\n {2}\S.* = \S/m)
  t.notRegex(printed.stdout, /\.bss|total/)
})

kernelTest('run prints maps as JSON, once more at the end, and says how to see them', [], async t => {
  const { child, printed, ended } = start(t, objectPath('counting'), '--maps', '600', '--json')
  t.true(await eventually(() => printed.stderr.includes('attached on_exec')))
  spawnSync('true')
  child.kill('SIGTERM')
  t.deepEqual(await ended, [0, null])
  const lines = printed.stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  t.deepEqual(lines.map(({ map }) => map).sort(), ['by_cpu', 'by_user', 'hists', 'untyped'])
  const byUser = lines.find(({ map }) => map === 'by_user')
  t.deepEqual(byUser.entries[0].key, { uid: 0 })
  t.true(byUser.entries[0].value > 0)
  const without = start(t, objectPath('counting'))
  t.true(await eventually(() => without.printed.stderr.includes('--maps SECONDS prints its maps')))
  without.child.kill('SIGINT')
  t.deepEqual(await without.ended, [0, null])
})
