import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { kernelBtf, moduleBtf, moduleBtfs, releaseKernelBtf } from '../../../src/kernel/btf.ts'
import { onlineCpus, possibleCpus } from '../../../src/kernel/cpus.ts'
import { countsMemlock, raiseMemlockLimit } from '../../../src/kernel/memlock.ts'
import { doNothing } from '../../../src/kernel/probes/experiment.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { traceEventId, tracefsPath } from '../../../src/kernel/tracefs.ts'
import { isAtLeast, kernelVersion } from '../../../src/kernel/version.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { BtfObject } from '../../../src/objects/btf-object.ts'
import { Program } from '../../../src/programs/program.ts'
import { isExcused } from '../../support/kernel/exceptions.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject } from '../../support/objects.ts'
import { lacking, since } from '../../support/programs/features.ts'

kernelTest('the version is at least that of uname', [], t => {
  const { major, minor, code } = kernelVersion()
  const [first, second] = release()
    .split('.')
    .map(part => Number.parseInt(part, 10))
  t.deepEqual([major, minor], [first, second])
  t.is(code >> 8, (major << 8) | minor)
})

kernelTest('CPUs are those of /proc and sysfs', [], t => {
  const online = readFileSync('/proc/cpuinfo', 'utf8').match(/^processor\s*:\s*\d+/gm)!
  t.deepEqual(
    onlineCpus(),
    online.map(line => Number(line.split(':')[1])),
  )
  t.true(possibleCpus().length >= onlineCpus().length)
  for (const cpu of onlineCpus()) t.true(possibleCpus().includes(cpu))
  using map = BpfMap.create({ name: 'm', type: 'percpu_array', keySize: 4, valueSize: 8, maxEntries: 1 })
  t.notThrows(() => map.get(new Uint8Array(4)))
})

const olderThan511 = lacking(
  since(featureSince.memoryAccounting, 'Memory of maps that counts for the cgroup'),
)

/** Without trampolines, what depends on them cannot be found out. */
const isHidden = (name: string): boolean =>
  ['tracingLink', 'fsession'].includes(name) && features.trampoline.probe() === 'no'

for (const [name, feature] of Object.entries(features)) {
  kernelTest(`the answer on ${name} fits the kernel's version`, [], t => {
    const answer = feature.probe()
    t.is(feature.probe(), answer)
    const expected = isAtLeast(feature.since ?? '0.0') ? 'yes' : 'no'
    if (!isHidden(name)) {
      t.true(
        answer === expected || isExcused(name, answer),
        `it came with Linux ${feature.since}; this is ${release()}, whose answer is ${answer}`,
      )
    }
    if (answer === 'no') {
      t.throws(() => feature.require(), {
        instanceOf: NotSupportedError,
        message: new RegExp(`^${feature.name} is not supported by this kernel`),
      })
    } else t.notThrows(() => feature.require())
  })
}

kernelTest('the types of the kernel are read once, and again after they were released', [], t => {
  const btf = kernelBtf()
  t.is(kernelBtf(), btf)
  t.true(btf.find('task_struct', 'struct') !== undefined)
  releaseKernelBtf()
  const again = kernelBtf()
  t.not(again, btf)
  t.is(again.find('task_struct', 'struct'), btf.find('task_struct', 'struct'))
})

kernelTest("the bytes of the kernel's types are those of its file, and belong to who asks", [], t => {
  const file = readFileSync('/sys/kernel/btf/vmlinux')
  const { bytes } = kernelBtf()
  t.true(file.equals(bytes))
  t.true(bytes.buffer instanceof ArrayBuffer)
  // Writing to memory of the kernel would end the process.
  bytes[0] = 0
  kernelBtf().ownStrings[0] = 0
  kernelBtf().encoded(1)[0] = 0
})

kernelTest('the types of a module that is not loaded are an error', [], t => {
  t.throws(() => moduleBtf('no_such_module'), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message: 'Module no_such_module is not loaded, or has no BTF',
  })
  for (const name of ['', '../vmlinux', 'a/b', 'a b']) {
    t.throws(() => moduleBtf(name), {
      instanceOf: TypeError,
      message: `Cannot read BTF: ${JSON.stringify(name)} is not a module name`,
    })
  }
})

kernelTest('the types of modules continue those of the kernel', [], t => {
  const first = [...moduleBtfs()][0]
  if (first !== undefined) t.true(first.firstId > 1)
  for (const module of BtfObject.modules()) {
    t.not(module.name, '')
    t.is(module.info().kernel, true)
    module.close()
  }
  t.notThrows(() => raiseMemlockLimit())
  if (!countsMemlock()) t.true(isAtLeast(featureSince.memoryAccounting))
})

kernelTest('locked memory is not limited where maps and programs count as such', [olderThan511], t => {
  using _map = BpfMap.create({ name: 'm', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 << 20 })
  t.regex(readFileSync('/proc/self/limits', 'utf8'), /^Max locked memory\s+unlimited\s+unlimited/m)
})

kernelTest('BTF of a program is read back from the kernel', [], t => {
  using collection = loadObject('functions', ['second'])
  const program = collection.programs.get('second')
  using btf = BtfObject.ofProgram(program.fd)
  t.is(btf.info().id, program.info().btfId)
  t.true(btf.types().find('second', 'func') !== undefined)
  using bare = Program.load({
    name: 'bare',
    type: 'socket_filter',
    instructions: doNothing(),
  })
  t.throws(() => BtfObject.ofProgram(bare.fd), {
    instanceOf: BpfError,
    code: 'ERR_NO_BTF',
    message: 'The program was loaded without BTF',
  })
  t.throws(() => BtfObject.load(new Uint8Array(30)), {
    instanceOf: BpfError,
    message: /^Cannot load BTF of 30 bytes/,
  })
})

kernelTest('the error says why BTF is refused, also after a long log', [features.btf], t => {
  const btf = new BtfBuilder()
  const int = { kind: 'int', name: 'a', encoding: 'unsigned', bitOffset: 0 } as const
  for (let i = 0; i < 60_000; i++) btf.add({ ...int, size: 4, bits: 32 })
  btf.add({ ...int, size: 3, bits: 99 })
  t.throws(() => BtfObject.load(btf.build()), {
    code: 'EINVAL',
    message: /^Cannot load BTF of \d+ bytes: \[60001\] INT .*: Invalid argument \(EINVAL\)$/,
  })
})

kernelTest('a trace event has the number that tracefs shows', ['tracefs'], t => {
  const path = `${tracefsPath()}/events/sched/sched_switch/id`
  t.is(traceEventId('sched', 'sched_switch'), Number(readFileSync(path, 'utf8')))
  t.throws(() => traceEventId('sched', '../x'), {
    instanceOf: TypeError,
    message: 'Cannot find trace event: "../x" is not a name of a group or event',
  })
})

/** Runs code in a process without some privileges; what it prints. */
function asOther(args: readonly string[], code: string): string {
  const module = (path: string): string =>
    JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href)
  // Everything is loaded before the privileges go: others may not be able to read the checkout.
  const source = `
    const { BpfMap } = await import(${module('maps/index.js')})
    const { exit, mov, r0 } = await import(${module('asm/index.js')})
    const { Program } = await import(${module('programs/index.js')})
    const { syscallBackend } = await import(${module('syscalls/index.js')})
    syscallBackend()
    ${code}`
  const script = ['--input-type=module', '-e', source]
  const [command, ...rest] = [...args, process.execPath, ...script]
  const { stdout, stderr, status } = spawnSync(command!, rest, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout.trim()
}

const LOAD = `
  const print = use => { try { use(); console.log('done') } catch (error) { console.log(error.code, error.message) } }
  const instructions = [mov(r0, 0), exit()]
  print(() => Program.load({ name: 'p', type: 'kprobe', license: 'GPL', instructions }).close())
  print(() => BpfMap.create({ name: 'm', type: 'lru_hash', keySize: 4, valueSize: 4, maxEntries: 1 }).close())`

kernelTest('types of the kernel need no backend', [], t => {
  const door = JSON.stringify(new URL('../../../src/kernel/index.js', import.meta.url).href)
  const code = `
    const { kernelBtf } = await import(${door})
    console.log(kernelBtf().findType('struct', 'task_struct').name)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    env: { ...process.env, EBPF_TS_BACKEND: 'none' },
  })
  t.deepEqual([stdout, stderr], ['task_struct\n', ''])
})

kernelTest(
  'types of the kernel do not need their file',
  [since(featureSince.moduleBtf, 'BTF by its id')],
  t => {
    const door = JSON.stringify(new URL('../../../src/kernel/index.js', import.meta.url).href)
    const hidden = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /sys/kernel/btf && exec "$0" "$@"']
    const code = `
    const { kernelBtf } = await import(${door})
    console.log(kernelBtf().findType('struct', 'task_struct').name)`
    t.is(asOther(hidden, code), 'task_struct')
  },
)

kernelTest('a user without capabilities learns which are missing', [], t => {
  const [program, map] = asOther([], `process.setgid(65534); process.setuid(65534); ${LOAD}`).split('\n')
  const missing = 'this process lacks CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN would do too)'
  t.true(
    program!.startsWith(`EPERM Cannot load program p: Operation not permitted (EPERM): ${missing}`),
    program,
  )
  t.true(map!.startsWith('EPERM Cannot create '), map)
  t.true(map!.includes('this process lacks CAP_BPF (CAP_SYS_ADMIN would do too)'), map)
  const disabled = /^[12]/.test(readFileSync('/proc/sys/kernel/unprivileged_bpf_disabled', 'utf8'))
  t.is(program!.includes(', and unprivileged BPF is disabled; run as root'), disabled)
})

kernelTest('root without some capabilities learns which are missing', [], t => {
  const drop = ['setpriv', '--bounding-set=-sys_admin,-net_admin', '--inh-caps=-all', '--']
  const capable = "readFileSync('/proc/self/status', 'utf8')"
  const status = asOther(
    drop,
    `const { readFileSync } = await import('node:fs'); console.log(/CapEff:\\s*(\\w+)/.exec(${capable})[1])`,
  )
  t.is((BigInt(`0x${status}`) >> 21n) & 1n, 0n, 'the test itself: CAP_SYS_ADMIN is gone')
  const code = `
    for (const use of [() => BpfMap.fromId(1).close(), () => [...BpfMap.list()], () => [...Program.list()]]) {
      try { use(); console.log('done') } catch (error) { console.log(error.code, error.message) }
    }`
  const lines = asOther(drop, code).split('\n')
  for (const [index, action] of ['open map 1', 'list maps', 'list programs'].entries()) {
    t.regex(
      lines[index]!,
      new RegExp(`^EPERM Cannot ${action}: .*: this process lacks CAP_SYS_ADMIN; run as root$`),
    )
  }
})

kernelTest('a capability that a call does not ask for is not blamed', [], t => {
  const drop = ['setpriv', '--bounding-set=-sys_admin,-net_admin,-perfmon', '--inh-caps=-all', '--']
  const code = `
    const print = use => { try { use(); console.log('done') } catch (error) { console.log(error.code, error.message) } }
    const instructions = [mov(r0, 0), exit()]
    for (const type of ['xdp', 'kprobe', 'sk_reuseport'])
      print(() => Program.load({ name: 'p', type, license: 'GPL', instructions }).close())
    for (const type of ['devmap', 'lru_hash'])
      print(() => BpfMap.create({ name: 'm', type, keySize: 4, valueSize: 4, maxEntries: 1 }).close())`
  const [xdp, kprobe, plain, devmap, hash] = asOther(drop, code).split('\n')
  t.regex(xdp!, /^EPERM .*: this process lacks CAP_NET_ADMIN \(CAP_SYS_ADMIN would do too\); run as root$/)
  t.regex(kprobe!, /^EPERM .*: this process lacks CAP_PERFMON \(CAP_SYS_ADMIN would do too\); run as root$/)
  t.regex(devmap!, /^EPERM .*: this process lacks CAP_NET_ADMIN \(CAP_SYS_ADMIN would do too\); run as root$/)
  t.deepEqual([plain, hash], ['done', 'done'])
})

kernelTest('memory that is limited is blamed where it is the cause', [olderThan511], t => {
  const limits = ['prlimit', '--memlock=65536:65536', '--']
  const drop = ['setpriv', '--bounding-set=-sys_admin,-net_admin,-sys_resource', '--inh-caps=-all', '--']
  const code = `
    const print = use => { try { use(); console.log('done') } catch (error) { console.log(error.code, error.message) } }
    print(() => BpfMap.create({ name: 'm', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 100000 }).close())
    print(() => BpfMap.create({ name: 'm', type: 'devmap', keySize: 4, valueSize: 4, maxEntries: 1 }).close())`
  const [memory, capability] = asOther([...limits, ...drop], code).split('\n')
  t.regex(
    memory!,
    /^EPERM .*: RLIMIT_MEMLOCK is 65536 bytes, and kernels before 5\.11 count maps and programs/,
  )
  t.regex(
    capability!,
    /^EPERM .*: this process lacks CAP_NET_ADMIN \(CAP_SYS_ADMIN would do too\); run as root$/,
  )
})

kernelTest('tracefs is found wherever it is mounted', ['tracefs'], t => {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-tracefs-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const traces = join(directory, 'my traces')
  mkdirSync(traces)
  const script = [
    'mount -t tmpfs none /sys/kernel/tracing 2>/dev/null',
    'mount -t tmpfs none /sys/kernel/debug',
    `mount -t tracefs none "${traces}" && exec "$0" "$@"`,
  ].join('; ')
  const tracefs = JSON.stringify(new URL('../../../src/kernel/index.js', import.meta.url).href)
  const code = `const { tracefsPath } = await import(${tracefs}); console.log(tracefsPath())`
  t.is(asOther(['unshare', '-m', 'sh', '-c', script], code), traces)
})
