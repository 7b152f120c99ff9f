import test from 'ava'
import { attachCandidates, uniqueStarts } from '../../../src/bench/attach-candidates.ts'
import { expectedMilliseconds } from '../../../src/bench/attach-time.ts'
import { readEnvironment, spoilers } from '../../../src/bench/environment.ts'
import { parseKprobeList } from '../../../src/bench/kprobe-list.ts'
import { probesDocument } from '../../support/bench/probes-document.ts'

const { environment: clean } = probesDocument()

/** A machine whose files are those given, and no others. */
function machine(files: Readonly<Record<string, string>>): ReturnType<typeof readEnvironment> {
  return readEnvironment(
    path => files[path],
    directory =>
      Object.keys(files)
        .filter(path => path.startsWith(`${directory}/`))
        .map(path => path.slice(directory.length + 1)),
  )
}

test('a machine that shows nothing is unknown, not wrong', t => {
  const environment = machine({})
  t.is(environment.jit, null)
  t.is(environment.governor, null)
  t.is(environment.virtualization, null)
  t.is(environment.enabledFunctions, null)
  t.deepEqual(environment.mitigations, {})
  t.is(environment.lockdown, null)
  t.deepEqual(spoilers(environment), [
    '/sys/kernel/debug/kprobes/list and /sys/kernel/tracing/enabled_functions cannot be read: probes of others ' +
      'would not be seen (are debugfs and tracefs mounted?)',
  ])
})

test('the facts are read from where the kernel has them', t => {
  const environment = machine({
    '/proc/cpuinfo': 'processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu hypervisor nopl\n',
    '/proc/self/status': 'Name:\tnode\nCpus_allowed_list:\t2-3\n',
    '/proc/sys/net/core/bpf_jit_enable': '1\n',
    '/proc/sys/kernel/bpf_stats_enabled': '0\n',
    '/sys/class/dmi/id/sys_vendor': 'QEMU\n',
    '/sys/devices/system/cpu/cpu2/cpufreq/scaling_governor': 'powersave\n',
    '/sys/devices/system/cpu/vulnerabilities/meltdown': 'Not affected\n',
    '/sys/devices/system/cpu/vulnerabilities/spectre_v2': 'Mitigation: Retpolines; RSB filling\n',
    '/sys/kernel/tracing/enabled_functions':
      'vfs_read (1) R   D   \tM \n\tdirect-->bpf_trampoline_1+0x0/0xbc\nbpf_get_numa_node_id (1) R\t tramp: 0x1\n',
    '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
    '/sys/kernel/debug/kprobes/list': 'ffffffff81  k  bpf_get_numa_node_id+0x4    [FTRACE]\n',
  })
  t.is(environment.cpu, 'AMD EPYC')
  t.is(environment.allowedCpus, '2-3')
  t.is(environment.jit, 1)
  t.is(environment.bpfStats, 0)
  t.is(environment.virtualization, 'QEMU')
  t.is(environment.governor, 'powersave')
  t.deepEqual(environment.mitigations, { spectre_v2: 'Mitigation: Retpolines; RSB filling' })
  t.is(environment.lockdown, 'integrity')
  t.deepEqual(environment.unreadable, [])
  t.is(environment.enabledFunctions, 2)
  t.deepEqual(environment.probesOnTarget, [
    'kprobe bpf_get_numa_node_id+4',
    'bpf_get_numa_node_id (1) R\t tramp: 0x1',
  ])
})

test('emulated CPUs are known by their names', t => {
  t.true(machine({ '/proc/cpuinfo': 'model name\t: QEMU TCG CPU version 2.5+\n' }).emulated)
  t.true(machine({ '/proc/cpuinfo': 'CPU implementer\t: 0x00\nCPU part\t: 0x051\n' }).emulated)
  t.false(machine({ '/proc/cpuinfo': 'CPU implementer\t: 0x41\nCPU part\t: 0xd0c\n' }).emulated)
})

test('everything that spoils a result is reported, and nothing else', t => {
  t.deepEqual(spoilers(clean), [])
  const cases = [
    [{ probesOnTarget: ['kprobe f+0'] }, /another process has a probe on the target \(kprobe f\+0\)/],
    [{ lockdown: 'confidentiality' }, /locked down \(confidentiality\): it may refuse probes/],
    [{ unreadable: ['/some/list'] }, /^\/some\/list cannot be read: probes of others/],
    [{ emulated: true, virtualization: 'QEMU TCG' }, /the CPU is emulated/],
    [{ jit: 0 }, /the JIT is off/],
    [{ jitHarden: 2 }, /bpf_jit_harden is 2/],
    [{ bpfStats: 1 }, /some 20 ns more/],
    [{ debugging: ['lockdep'] }, /debug build \(lockdep\)/],
    [{ ftraceEnabled: 0 }, /ftrace_enabled is off/],
    [{ kprobesOptimization: 0 }, /kprobes-optimization is off/],
    [{ enabledFunctions: 3 }, /at work on 3 functions/],
    [{ virtualization: 'KVM' }, /virtual machine \(KVM\)/],
    [{ governor: 'powersave' }, /governor is 'powersave'/],
    [{ allowedCpus: '0-3' }, /CPUs 0-3: start it with 'taskset -c CPU'/],
    [{ mitigations: { spectre_v2: 'Mitigation: Retpolines' } }, /mitigations make indirect calls/],
  ] as const
  for (const [change, message] of cases) {
    const found = spoilers({ ...clean, ...change })
    t.is(found.length, 1, JSON.stringify(change))
    t.regex(found[0]!, message)
  }
})

test("the kernel's list of kprobes is read with the way it reaches each", t => {
  const list = [
    'ffffffff8113a4b4  k  bpf_get_numa_node_id+0x4    [FTRACE]',
    'ffffffff8113a4b9  k  bpf_get_numa_node_id+0x9    [OPTIMIZED]',
    'ffffffffc0123460  r  ext4_file_open+0x0  ext4  [DISABLED]',
    'something else',
    '',
  ].join('\n')
  t.deepEqual(parseKprobeList(list), [
    { kind: 'kprobe', symbol: 'bpf_get_numa_node_id', offset: 4, mechanism: 'ftrace' },
    { kind: 'kprobe', symbol: 'bpf_get_numa_node_id', offset: 9, mechanism: 'optimized' },
    { kind: 'kretprobe', symbol: 'ext4_file_open', offset: 0, mechanism: 'breakpoint' },
  ])
})

test('functions to attach to are spread evenly, and neither ambiguous, busy nor of modules', t => {
  const functions = [
    ...Array.from({ length: 10 }, (_, i) => ({ name: `ext4_f${i}`, address: undefined, module: undefined })),
    { name: 'twice', address: undefined, module: undefined },
    { name: 'twice', address: undefined, module: undefined },
    { name: 'rcu_read', address: undefined, module: undefined },
    { name: 'of_module', address: undefined, module: 'ext4' },
    { name: 'part.0', address: undefined, module: undefined },
  ]
  const names = (count: number): string[] =>
    attachCandidates(functions, name => name !== 'ext4_f3', count).map(({ name }) => name)
  t.deepEqual(names(3), ['ext4_f0', 'ext4_f4', 'ext4_f7'])
  t.deepEqual(
    names(100),
    ['0', '1', '2', '4', '5', '6', '7', '8', '9'].map(each => `ext4_f${each}`),
  )
})

test('a function whose name another one has too starts nowhere for certain', t => {
  const symbols = [
    { name: 'vfs_read', address: 1n },
    { name: 'show', address: 2n },
    { name: 'show', address: 3n },
    { name: 'show', address: 4n },
  ]
  t.deepEqual([...uniqueStarts(symbols)], [['vfs_read', 1n]])
})

test('what attaching to more functions takes lies on the line through the last two measurements', t => {
  const one = { functions: 1, milliseconds: 2000 }
  t.is(expectedMilliseconds([], 1), 0)
  t.is(expectedMilliseconds([one], 100), 0)
  t.is(expectedMilliseconds([one, { functions: 101, milliseconds: 2500 }], 1101), 7500)
  t.is(expectedMilliseconds([one, { functions: 101, milliseconds: 1500 }], 1101), 1500)
  const all = [one, { functions: 100, milliseconds: 2000 }, { functions: 200, milliseconds: 3000 }]
  t.is(expectedMilliseconds(all, 300), 4000)
})
