import { execFileSync, spawnSync } from 'node:child_process'
import type { ExecutionContext } from 'ava'
import { BPF_PSEUDO_KFUNC_CALL } from '../../../src/abi/constants.ts'
import { helperSince } from '../../../src/abi/helper-since.ts'
import { CALL } from '../../../src/asm/opcodes.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { Collection } from '../../../src/collection/collection.ts'
import type { CollectionSpec } from '../../../src/collection/spec.ts'
import { kernelBtf } from '../../../src/kernel/btf.ts'
import { onlineCpus } from '../../../src/kernel/cpus.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { isKconfig } from '../../../src/programs/extern-spec.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftool } from '../../support/bpftool.ts'
import { loadByBpftool } from '../../support/bpftool-load.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject, objectPath, objectSpec, objectWith, runOnce } from '../../support/objects.ts'
import { listedVariables, since, typedVariables } from '../../support/programs/features.ts'

/** Whether the kernel lists a symbol, as grep sees it. */
const listed = (name: string): boolean => spawnSync('grep', ['-qw', name, '/proc/kallsyms']).status === 0

const answer = (yes: boolean): 'yes' | 'no' => (yes ? 'yes' : 'no')

/** The kernel has a function that programs call. */
const kfunc = (name: string): Feature =>
  defineFeature(`The kfunc ${name}`, undefined, () => answer(kernelBtf().find(name, 'func') !== undefined))

/** 64-bit loads of the address of a function of the kernel. */
const kfuncAddresses = since('6.4', 'The address of a kfunc')

/** Functions to look up connections, in the kernel itself or in a module, which is loaded if need be. */
const connectionTracking: Feature = defineFeature('Functions to look up connections', '5.18', () => {
  spawnSync('modprobe', ['nf_conntrack'])
  return answer(kfunc('bpf_skb_ct_lookup').probe() === 'yes' || moduleHas('bpf_skb_ct_lookup'))
})

/** The same, in the module. */
const connectionModule: Feature = defineFeature('Module nf_conntrack', '5.18', () =>
  answer(connectionTracking.probe() === 'yes' && moduleHas('bpf_skb_ct_lookup')),
)

function moduleHas(name: string): boolean {
  return features.moduleBtf.probe() === 'yes' && listed(`${name}.*nf_conntrack`)
}

/** What the kernel's configuration says of an option, read by other programs. */
function configured(name: string): string {
  const config = 'cat "/boot/config-$(uname -r)" 2>/dev/null || zcat /proc/config.gz'
  const text = execFileSync('sh', ['-c', config], { encoding: 'utf8', maxBuffer: 1 << 24 })
  return new RegExp(`^${name}=(.*)$`, 'm').exec(text)![1]!
}

/** What `read_config` saw of facts, and of the rest. */
interface Seen extends Record<string, unknown> {
  version: bigint
  wrapper: bigint
  cookie: bigint
}

/** What `read_config` saw. */
function seen(collection: Collection): Seen {
  runOnce(collection.programs.get('read_config'))
  return collection.variables.get('config').get() as Seen
}

kernelTest('externs and kfuncs load as a whole', [], t => {
  for (const name of ['externs', 'kfuncs']) {
    using collection = loadObject(name)
    t.true(collection.programs.size >= 3)
  }
})

kernelTest('programs see the configuration of the kernel', [], t => {
  using collection = loadObject('externs')
  const hz = BigInt(configured('CONFIG_HZ'))
  t.like(seen(collection), {
    bpf_syscall: 1n,
    net: 1n,
    bpf: BigInt('y'.charCodeAt(0)),
    hz,
    no_such_fact: 0n,
    test_bool: 0n,
    test_u64: 0n,
    test_string: '',
  })
  t.is(BigInt(collection.variables.get('CONFIG_HZ').get() as number), hz)
  t.is(collection.variables.get('CONFIG_BPF_SYSCALL').get(), true)
})

kernelTest('programs see facts about the kernel', [], t => {
  using collection = loadObject('externs')
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(execFileSync('uname', ['-r'], { encoding: 'utf8' }))!
  const { version, wrapper, cookie } = seen(collection)
  t.is(version >> 8n, BigInt(Number(major) * 256 + Number(minor)))
  t.is(wrapper, BigInt(listed('__x64_sys_bpf') || listed('__arm64_sys_bpf')))
  t.is(cookie, BigInt(since(helperSince.get_attach_cookie, 'Cookies').probe() === 'yes'))
})

kernelTest('programs see given options of every type', [], t => {
  const kconfig = {
    CONFIG_HZ: 100,
    CONFIG_NET: 'm',
    CONFIG_TEST_BOOL: false,
    CONFIG_TEST_TRISTATE: 'm',
    CONFIG_TEST_CHAR: 'n',
    CONFIG_TEST_U8: 255,
    CONFIG_TEST_S16: -32768,
    CONFIG_TEST_U16: 65535,
    CONFIG_TEST_S32: -5,
    CONFIG_TEST_S64: -(1n << 63n),
    CONFIG_TEST_U64: (1n << 64n) - 1n,
    CONFIG_TEST_STRING: 'too long to fit',
  }
  using collection = Collection.load(objectSpec('externs'), { kconfig })
  t.like(seen(collection), {
    hz: 100n,
    net: 2n,
    test_bool: 0n,
    test_tristate: 2n,
    test_char: 110n,
    test_u8: 255n,
    test_s16: -32768n,
    test_u16: 65535n,
    test_s32: -5n,
    test_s64: -(1n << 63n),
    test_u64: (1n << 64n) - 1n,
    test_string: 'too lon',
  })
  t.is(collection.variables.get('CONFIG_TEST_STRING').get(), 'too lon')
})

kernelTest('the verifier skips what the configuration rules out', [], t => {
  {
    using collection = loadObject('externs', ['skip_branch'])
    t.is(runOnce(collection.programs.get('skip_branch')), 7)
  }
  t.throws(() => loadObject('externs', ['skip_branch'], { kconfig: { CONFIG_TEST_BOOL: true } }), {
    instanceOf: VerifierError,
  })
})

kernelTest('the configuration cannot be written', [], t => {
  const spec = objectSpec('externs')
  t.throws(() => spec.variables.get('CONFIG_HZ').set(1), {
    code: 'ERR_READ_ONLY',
    message:
      "Cannot set variable CONFIG_HZ: its value comes from the kernel's configuration; load with the option kconfig",
  })
  using collection = Collection.load(spec)
  t.throws(() => collection.variables.get('CONFIG_HZ').set(1), { code: 'ERR_READ_ONLY' })
  t.throws(() => collection.maps.get('.kconfig').bytes().set(new Uint8Array(4), new Uint8Array(56)), {
    code: 'EPERM',
  })
})

kernelTest('an option that is not weak must be there', [], t => {
  const spec = objectSpec('externs')
  strengthen(spec, 'CONFIG_TEST_U8')
  t.throws(() => Collection.load(spec), {
    instanceOf: BpfError,
    code: 'ERR_KCONFIG',
    message: "Cannot set CONFIG_TEST_U8: the kernel's configuration does not have it, and it is not weak",
  })
})

/** Makes an extern one that the object cannot do without. */
function strengthen(spec: CollectionSpec, name: string): void {
  spec.externs.set(name, { ...spec.externs.get(name), weak: false })
}

kernelTest('programs read variables of a CPU through their types', [typedVariables, listedVariables], t => {
  using collection = loadObject('externs', ['read_run_queue', 'read_active'])
  t.is(runOnce(collection.programs.get('read_run_queue')) | 0, onlineCpus().includes(1) ? 1 : -1)
  // A test run is not counted.
  t.is(runOnce(collection.programs.get('read_active')), 0)
})

kernelTest('symbols without a type are addresses', [], t => {
  using collection = loadObject('externs', ['read_addresses'])
  const result = runOnce(collection.programs.get('read_addresses')) | 0
  const line = execFileSync('grep', ['-w', 'T vfs_read', '/proc/kallsyms'], { encoding: 'utf8' })
  t.is(collection.variables.get('vfs_read_address').get(), BigInt(`0x${line.slice(0, 16)}`))
  t.is(result, listed('init_task') ? 0 : -1)
  t.is(collection.variables.get('init_task_comm').get(), listed('init_task') ? 'swapper/0' : '')
})

kernelTest('weak symbols that are missing are 0', [], t => {
  using collection = loadObject('externs', ['count_missing'])
  t.is(runOnce(collection.programs.get('count_missing')), 3)
})

/** The message of a failed load, after the name of the program. */
function refused(t: ExecutionContext, spec: CollectionSpec, program: string): string {
  const error = t.throws(() => Collection.load(spec), { instanceOf: BpfError, code: 'ERR_UNRESOLVED' })
  const start = `Cannot load program ${program} (${spec.programs.get(program).sectionName}): `
  t.true(error.message.startsWith(start), error.message)
  return error.message.slice(start.length)
}

kernelTest('symbols that are not weak must be there', [], t => {
  const missing = (object: string, program: string, extern: string): string => {
    const spec = objectWith(object, [program])
    strengthen(spec, extern)
    return refused(t, spec, program)
  }
  t.is(missing('externs', 'count_missing', 'no_such_symbol'), 'the kernel has no symbol no_such_symbol')
  t.is(
    missing('externs', 'count_missing', 'no_such_variable'),
    'the kernel has no variable no_such_variable with a type: of variables, its BTF has at most those of each CPU',
  )
  t.is(missing('kfuncs', 'ask_first', 'no_such_kfunc'), 'the kernel has no kfunc no_such_kfunc')
})

kernelTest('programs that are not loaded need no symbols', [], t => {
  const spec = objectWith('kfuncs', [])
  strengthen(spec, 'no_such_kfunc')
  using collection = Collection.load(spec)
  t.is(collection.programs.size, 0)
})

kernelTest('a variable of another type is refused, with both types', [typedVariables], t => {
  const spec = objectWith('externs', ['read_active'])
  const { typeId } = spec.externs.get('runqueues')
  spec.externs.set('bpf_prog_active', { ...spec.externs.get('bpf_prog_active'), typeId } as never)
  t.is(refused(t, spec, 'read_active'), "the kernel's variable bpf_prog_active is int, not struct rq")
})

kernelTest('a function with another signature is refused, with both', [kfunc('bpf_rdonly_cast')], t => {
  const spec = objectWith('kfuncs', ['count_flavors'])
  strengthen(spec, 'bpf_rdonly_cast___differs')
  t.is(
    refused(t, spec, 'count_flavors'),
    "the kernel's kfunc bpf_rdonly_cast is void * (const void *, u32), not void * (const void *, __u32, int)",
  )
})

kernelTest('programs call functions of the kernel', [kfunc('bpf_rdonly_cast')], t => {
  using collection = loadObject('kfuncs', ['read_tgid_unasked'])
  t.is(runOnce(collection.programs.get('read_tgid_unasked')), process.pid)
})

kernelTest('programs ask before they call', [kfunc('bpf_rdonly_cast'), kfuncAddresses], t => {
  using collection = loadObject('kfuncs', ['read_tgid'])
  t.is(runOnce(collection.programs.get('read_tgid')), process.pid)
})

kernelTest(
  'flavours are the same function if they have its signature',
  [kfunc('bpf_rdonly_cast'), kfuncAddresses],
  t => {
    using collection = loadObject('kfuncs', ['count_flavors'])
    t.is(runOnce(collection.programs.get('count_flavors')), 1)
  },
)

kernelTest('a program that asks first loads without the function', [], t => {
  using collection = loadObject('kfuncs', ['ask_first'])
  t.is(runOnce(collection.programs.get('ask_first')), 7)
})

kernelTest('a call of a function that is missing is explained', [], t => {
  const error = t.throws(() => loadObject('kfuncs', ['call_missing']), { instanceOf: VerifierError })
  const [first, second] = error.message.split('\n')
  t.is(
    first,
    'Cannot load program call_missing (?raw_tp): EINVAL: it calls no_such_kfunc, but the kernel has no kfunc no_such_kfunc',
  )
  t.regex(second!, /at .*kfuncs\.bpf\.c:\d+: return no_such_kfunc\(1\);/)
})

kernelTest(
  'a program that traces holds a task',
  [kfunc('bpf_task_from_pid'), kfunc('bpf_task_release')],
  t => {
    using collection = loadObject('kfuncs', ['find_parent'])
    collection.variables.get('watched_tgid').set(process.pid)
    using attached = collection.attach()
    t.is(attached.programs.length, 1)
    spawnSync('true')
    t.is(collection.variables.get('found_tgid').get(), process.pid)
  },
)

kernelTest('programs look up connections', [connectionTracking], t => {
  using collection = loadObject('kfuncs', ['look_up_connection'])
  const { returnValue } = collection.programs.get('look_up_connection').testRun({ data: new Uint8Array(64) })
  t.is(returnValue, 2)
})

kernelTest('calls of functions of a module name it', [connectionModule], async t => {
  using collection = await Collection.loadAsync(objectWith('kfuncs', ['look_up_connection']))
  const calls = collection.programs
    .get('look_up_connection')
    .translated()
    .filter(({ opcode, src }) => opcode === CALL && src === BPF_PSEUDO_KFUNC_CALL)
  // The place of the module among those that the program was loaded with; 0 would be the kernel.
  t.deepEqual(
    calls.map(({ offset }) => offset),
    [1, 1],
  )
})

kernelTest('programs ask for functions of a module', [connectionModule, kfuncAddresses], t => {
  using collection = loadObject('kfuncs', ['ask_module'])
  t.is(collection.programs.get('ask_module').testRun({ data: new Uint8Array(64) }).returnValue, 1)
})

kernelTest('libbpf gives the options the same values', ['bpftool'], t => {
  using bpffs = temporaryBpffs()
  const pin = `${bpffs.path}/program`
  bpftool('prog', 'load', objectPath('externs'), pin)
  using collection = loadObject('externs')
  const { tag, map_ids } = bpftool('prog', 'show', 'pinned', pin) as { tag: string; map_ids: number[] }
  t.is(collection.programs.get('read_config').info().tag, tag)

  const maps = map_ids.map(id => bpftool('map', 'show', 'id', id) as { id: number; name: string })
  const { id } = maps.find(({ name }) => name.endsWith('.kconfig'))!
  const [{ value }] = bpftool('map', 'dump', 'id', id) as [{ value: string[] }]
  const theirs = Uint8Array.from(value, Number)
  const ours = collection.maps.get('.kconfig').bytes().get(new Uint8Array(4))!
  t.is(ours.length, theirs.length)
  for (const { name, offset, size } of [...collection.spec.externs.values()].filter(isKconfig)) {
    // libbpf looks for wrappers with a kprobe.
    if (name === 'LINUX_HAS_SYSCALL_WRAPPER' && features.kprobe.probe() === 'no') continue
    t.deepEqual(ours.subarray(offset, offset + size), theirs.subarray(offset, offset + size), name)
  }
})

kernelTest(
  'libbpf gives the programs of externs the same tags',
  ['bpftool', typedVariables, listedVariables],
  t => {
    const spec = objectSpec('externs')
    // Of optional programs, libbpf relocates no types here: this one needs none.
    spec.programs.get('read_active').autoload = true
    using collection = Collection.load(spec)
    loadByBpftool('externs', directory => {
      for (const [each, program] of collection.programs) {
        const { tag } = bpftool('prog', 'show', 'pinned', `${directory}/${each}`) as { tag: string }
        t.is(program.info().tag, tag, each)
      }
    })
  },
)

kernelTest(
  'libbpf gives a program that calls a function of the kernel the same tag',
  ['bpftool', kfunc('bpf_rdonly_cast'), kfuncAddresses],
  t => {
    using bpffs = temporaryBpffs()
    const pin = `${bpffs.path}/program`
    bpftool('prog', 'load', objectPath('kfuncs'), pin)
    using collection = loadObject('kfuncs')
    const { tag } = bpftool('prog', 'show', 'pinned', pin) as { tag: string }
    t.is(collection.programs.get('read_tgid').info().tag, tag)
  },
)
