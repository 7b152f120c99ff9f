/**
 * What a process in a user namespace does with BPF tokens: `runScenarios` starts it, and gives it a BPF file system for
 * each scenario. It prints what the test compares.
 *
 * @module
 */

import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { BPF_F_NO_PREALLOC } from '../../../src/abi/generated/flags.ts'
import { CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN, F_DUPFD_CLOEXEC } from '../../../src/abi/linux.ts'
import { add, mov } from '../../../src/asm/alu.ts'
import { call } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r6 } from '../../../src/asm/registers.ts'
import { u32 } from '../../../src/base/codecs.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { addInt } from '../../../src/kernel/probes/experiment.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { haveHelper } from '../../../src/kernel/probes/have-helper.ts'
import { haveMapType } from '../../../src/kernel/probes/have-map-type.ts'
import { haveProgramType } from '../../../src/kernel/probes/have-program-type.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { BtfObject } from '../../../src/objects/btf-object.ts'
import { Token } from '../../../src/objects/token.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { nr } from '../../../src/syscalls/numbers.ts'
import {
  type DelegateOptions,
  inUserNamespace,
  mountAt,
  mountPath,
  withoutCapabilities,
} from './user-namespace.ts'

const BPFFS = '/sys/fs/bpf'
const VARIABLE = 'LIBBPF_BPF_TOKEN_PATH'

/** Compiled tests lie one folder deeper than their sources. */
const object = fileURLToPath(new URL('../../../../test/bpf/data.bpf.o', import.meta.url))

const hash: MapSpec = { name: 'h', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 4 }
const array: MapSpec = { name: 'a', type: 'array', keySize: 4, valueSize: 4, maxEntries: 4 }

/** Calls helpers that ask for CAP_BPF and CAP_PERFMON. */
const instructions = (): Instruction[] => [
  call('jiffies64'),
  mov(r6, r0),
  call('get_current_task'),
  add(r0, r6),
  mov(r0, 2),
  exit(),
]
const xdp: ProgramSpec = {
  name: 'x',
  type: 'xdp',
  expectedAttachType: 'xdp',
  license: 'GPL',
  instructions: instructions(),
}
const kprobe: ProgramSpec = { name: 'k', type: 'kprobe', license: 'GPL', instructions: instructions() }
const socketFilter: ProgramSpec = {
  name: 's',
  type: 'socket_filter',
  instructions: [mov(r0, 0), exit()],
}

function rawBtf(): Uint8Array {
  const builder = new BtfBuilder()
  addInt(builder)
  return builder.build()
}

/** Does something, and closes the result. The file system of the scenario is `BPFFS` in messages. */
function outcome(act: () => Disposable | undefined): string {
  try {
    act()?.[Symbol.dispose]()
    return 'done'
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    return `${error.code}: ${error.message}`.replaceAll(/\/proc\/self\/fd\/\d+/g, 'BPFFS')
  }
}

/** Facts that a scenario finds. */
export type Facts = Record<string, unknown>

/** What a scenario delegates, and what it does. */
interface Scenario {
  readonly delegate: DelegateOptions
  /**
   * @param bpffs path of its file system
   * @param mount mounts it at a path
   */
  readonly run: (bpffs: string, mount: (path: string) => void) => Facts | Promise<Facts>
}

const everything: DelegateOptions = {
  delegate_cmds: 'any',
  delegate_maps: 'any',
  delegate_progs: 'any',
  delegate_attachs: 'any',
}

/** Tries everything with a token of whatever is delegated. */
function explicit(bpffs: string): Facts {
  using token = Token.create(bpffs)
  return {
    info: token.info(),
    hash: outcome(() => BpfMap.create(hash, { token })),
    array: outcome(() => BpfMap.create(array, { token })),
    btf: outcome(() => BtfObject.load(rawBtf(), { token })),
    xdp: outcome(() => Program.load(xdp, { token })),
    kprobe: outcome(() => Program.load(kprobe, { token })),
    socketFilter: outcome(() => Program.load(socketFilter, { token })),
  }
}

const scenarios = {
  /** Which file systems have no token for this process, and why. */
  refusals: {
    delegate: {},
    run(bpffs, mount) {
      const inherited = outcome(() => Token.create(process.env.TOKEN_INHERITED))
      const detached = outcome(() => Token.create(bpffs))
      mount(BPFFS)
      mkdirSync(`${BPFFS}/directory`)
      return {
        inherited,
        detached,
        directory: outcome(() => Token.create(`${BPFFS}/directory`)),
        file: outcome(() => Token.create('/proc')),
        missing: outcome(() => Token.create('/nowhere')),
        automatic: Token.automatic() === undefined,
        map: outcome(() => BpfMap.create(hash)),
        btf: outcome(() => BtfObject.load(rawBtf(), { token: false })),
        xdp: outcome(() => Program.load(xdp, { token: false })),
      }
    },
  },

  /** Some of each kind. */
  some: {
    delegate: {
      delegate_cmds: 'map_create:prog_load',
      delegate_maps: 'hash:stack',
      delegate_progs: 'xdp:kprobe',
      delegate_attachs: 'xdp',
    },
    run: explicit,
  },

  /** Nothing of two kinds. */
  none: { delegate: { delegate_cmds: 'any', delegate_attachs: 'any' }, run: explicit },

  /** A token that came as a descriptor. */
  descriptor: {
    delegate: { delegate_cmds: 'any', delegate_maps: 'hash' },
    run(bpffs) {
      using made = Token.create(bpffs)
      using token = Token.fromFd(syscallEntry().syscall(nr.fcntl, made.fd, F_DUPFD_CLOEXEC, 3))
      return {
        path: token.path ?? 'unknown',
        info: token.info().mapTypes,
        hash: outcome(() => BpfMap.create(hash, { token })),
        array: outcome(() => BpfMap.create(array, { token })).replace(String(token.fd), 'FD'),
      }
    },
  },

  /** A process without CAP_NET_ADMIN in its namespace. */
  incapable: {
    delegate: everything,
    run: bpffs => withoutCapabilities([CAP_NET_ADMIN, CAP_SYS_ADMIN], () => explicit(bpffs)),
  },

  /** A process without CAP_BPF in its namespace. */
  powerless: {
    delegate: everything,
    run: bpffs =>
      withoutCapabilities([CAP_BPF, CAP_SYS_ADMIN], () => ({ token: outcome(() => Token.create(bpffs)) })),
  },

  /** What was created with a token works as ever, when the token is closed. */
  use: {
    delegate: everything,
    async run(bpffs) {
      const token = Token.create(bpffs)
      using map = BpfMap.create(hash, { token }).typed(u32, u32)
      using outer = BpfMap.create({ ...hash, name: 'o', type: 'hash_of_maps', innerMap: hash }, { token })
      using frozen = BpfMap.create({ ...array, freeze: true }, { token })
      using program = Program.load(xdp, { token })
      using other = await Program.loadAsync(xdp, { token })
      token.close()
      map.set(1, 2)
      outer.set(new Uint8Array(4), map)
      return {
        closed: token.closed,
        afterwards: outcome(() => BpfMap.create(hash, { token })),
        value: map.get(1),
        flags: map.info().flags,
        run: program.testRun({ data: new Uint8Array(64) }).returnValue,
        names: [program.info().name, other.info().type],
        frozen: outcome(() => {
          frozen.set(new Uint8Array(4), new Uint8Array(4))
          return undefined
        }),
      }
    },
  },

  /** The commands of a token do not include loading BTF. */
  withoutTypes: {
    delegate: { ...everything, delegate_cmds: 'map_create:prog_load' },
    run(bpffs) {
      using token = Token.create(bpffs)
      const spec = CollectionSpec.fromFile(object)
      const loaded = outcome(() => Collection.load(spec, { token }))
      const btf = spec.btf!
      const int = btf.find('int', 'int')!
      const types = { btf, keyTypeId: int, valueTypeId: int }
      const local: MapSpec = { ...hash, name: 'local', type: 'sk_storage', maxEntries: 0, ...types }
      spec.maps.set('local', { ...local, flags: BPF_F_NO_PREALLOC })
      return { loaded, stored: outcome(() => Collection.load(spec, { token })) }
    },
  },

  /** Answers of probes are kept for each token. */
  probes: {
    delegate: everything,
    run(bpffs) {
      using token = Token.create(bpffs)
      const both = (probe: (options: { token: Token | false }) => string): string[] =>
        [false, token, false].map(each => probe({ token: each as Token | false }))
      return {
        maps: both(options => haveMapType('hash', options)),
        storage: both(options => haveMapType('sk_storage', options)),
        nested: both(options => haveMapType('hash_of_maps', options)),
        programs: both(options => haveProgramType('xdp', options)),
        helpers: both(options => haveHelper('xdp', 'jiffies64', options)),
        btf: both(options => features.btfEnum64.probe(options.token)),
      }
    },
  },

  /** A token that delegates less leaves open what another has answered. */
  fewerProbes: {
    delegate: { delegate_cmds: '0x21', delegate_maps: '0x2' },
    run(bpffs) {
      using token = Token.create(bpffs)
      return {
        hash: haveMapType('hash', { token }),
        array: haveMapType('array', { token }),
        xdp: haveProgramType('xdp', { token }),
      }
    },
  },

  /** BTF by id. */
  btfById: {
    delegate: everything,
    run(bpffs) {
      using token = Token.create(bpffs)
      using types = BtfObject.load(rawBtf(), { token })
      return {
        withToken: outcome(() => BtfObject.fromId(types.id, { token })),
        without: outcome(() => BtfObject.fromId(types.id, { token: false })),
      }
    },
  },

  /** `LIBBPF_BPF_TOKEN_PATH`. */
  variable: {
    delegate: everything,
    run(bpffs) {
      const of = (path: string): Facts => {
        process.env[VARIABLE] = path
        try {
          return {
            map: outcome(() => BpfMap.create(hash)),
            collection: outcome(() => Collection.load(CollectionSpec.fromFile(object))),
            probe: haveMapType('queue'),
            token: outcome(() => Token.automatic()),
          }
        } finally {
          delete process.env[VARIABLE]
        }
      }
      return { empty: of(''), wrong: of('/nowhere'), named: of(bpffs) }
    },
  },

  /** The token of `/sys/fs/bpf`, without a word about it. It stays for this process: the last scenario. */
  automatic: {
    delegate: everything,
    run(_bpffs, mount) {
      mount(BPFFS)
      using collection = Collection.load(CollectionSpec.fromFile(object))
      const [program] = collection.programs.values()
      using shown = Token.automatic()
      using again = Token.automatic()
      return {
        hash: outcome(() => BpfMap.create(hash)),
        refused: outcome(() => BpfMap.create(hash, { token: false })),
        programs: collection.programs.size,
        maps: collection.maps.size,
        hasTypes: program!.info().btfId > 0,
        path: shown?.path,
        info: shown?.info(),
        own: again !== undefined && again.fd !== shown?.fd,
      }
    },
  },
} satisfies Record<string, Scenario>

/** Name of a scenario. */
export type ScenarioName = keyof typeof scenarios

const names = Object.keys(scenarios) as ScenarioName[]
const self = fileURLToPath(import.meta.url)

/**
 * Runs all scenarios in one process.
 *
 * @param inherited path of a BPF file system of the initial user namespace
 */
export async function runScenarios(inherited: string): Promise<Readonly<Record<ScenarioName, Facts>>> {
  const delegate = names.map(name => scenarios[name].delegate)
  const printed = await inUserNamespace(self, [], delegate, { TOKEN_INHERITED: inherited })
  return JSON.parse(printed) as Record<ScenarioName, Facts>
}

if (process.argv[1] === self) {
  const facts: Partial<Record<ScenarioName, Facts>> = {}
  for (const [index, name] of names.entries()) {
    const { run }: Scenario = scenarios[name]
    try {
      facts[name] = await run(mountPath(index), path => mountAt(index, path))
    } catch (error) {
      facts[name] = { failed: (error as Error).stack }
    }
  }
  console.log(JSON.stringify(facts))
}
