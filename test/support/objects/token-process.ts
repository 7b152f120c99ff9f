/**
 * What a process in a user namespace does with BPF tokens: `inUserNamespace` starts it, and gives it a BPF file system at
 * descriptor 3. Each scenario prints what the test compares.
 *
 * @module
 */

import { mkdirSync, readFileSync } from 'node:fs'
import { BPF_F_NO_PREALLOC } from '../../../src/abi/generated/flags.ts'
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
import { mountAt } from './user-namespace.ts'

/** The BPF file system, where it is not mounted. */
const DETACHED = '/proc/self/fd/3'
const BPFFS = '/sys/fs/bpf'

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

/** Does something, and closes what comes of it. */
function outcome(act: () => Disposable | undefined): string {
  try {
    act()?.[Symbol.dispose]()
    return 'done'
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    return `${error.code}: ${error.message}`
  }
}

type Scenario = () => Record<string, unknown> | Promise<Record<string, unknown>>

const scenarios: Readonly<Record<string, Scenario>> = {
  /** Everything is tried with a token of whatever is delegated. */
  explicit() {
    using token = Token.create(DETACHED)
    return {
      info: token.info(),
      hash: outcome(() => BpfMap.create(hash, { token })),
      array: outcome(() => BpfMap.create(array, { token })),
      btf: outcome(() => BtfObject.load(rawBtf(), { token })),
      xdp: outcome(() => Program.load(xdp, { token })),
      kprobe: outcome(() => Program.load(kprobe, { token })),
      socketFilter: outcome(() => Program.load(socketFilter, { token })),
      withoutToken: outcome(() => BpfMap.create(hash, { token: false })),
      automatic: outcome(() => BpfMap.create(hash)),
      btfWithoutToken: outcome(() => BtfObject.load(rawBtf(), { token: false })),
      xdpWithoutToken: outcome(() => Program.load(xdp, { token: false })),
    }
  },

  /** What was created with a token works as ever, when the token is closed. */
  async use() {
    const token = Token.create(DETACHED)
    using map = BpfMap.create(hash, { token }).typed(u32, u32)
    using outer = BpfMap.create({ ...hash, name: 'o', type: 'hash_of_maps', innerMap: hash }, { token })
    using program = Program.load(xdp, { token })
    using other = await Program.loadAsync(xdp, { token })
    token.close()
    map.set(1, 2)
    outer.set(new Uint8Array(4), map)
    const frozen = outcome(() => {
      using array_ = BpfMap.create({ ...array, freeze: true }, { token: reopened() })
      array_.set(new Uint8Array(4), new Uint8Array(4))
      return undefined
    })
    return {
      closed: token.closed,
      afterwards: outcome(() => BpfMap.create(hash, { token })),
      value: map.get(1),
      flags: map.info().flags,
      run: program.testRun({ data: new Uint8Array(64) }).returnValue,
      names: [program.info().name, other.info().type],
      frozen,
    }
  },

  /** The token of `/sys/fs/bpf`, without a word about it. */
  automatic() {
    const before = outcome(() => BpfMap.create(hash))
    mountAt(BPFFS)
    using collection = Collection.load(
      CollectionSpec.parse(readFileSync(process.env.TOKEN_OBJECT!), 'data.bpf.o'),
    )
    const [program] = collection.programs.values()
    using shown = Token.automatic()
    using again = Token.automatic()
    return {
      before,
      hash: outcome(() => BpfMap.create(hash)),
      refused: outcome(() => BpfMap.create(hash, { token: false })),
      programs: collection.programs.size,
      maps: collection.maps.size,
      hasTypes: program!.info().btfId > 0,
      path: shown?.path,
      info: shown?.info(),
      twice: again !== undefined && again.fd !== shown?.fd,
    }
  },

  /** The commands of a token do not include loading BTF. */
  withoutTypes() {
    using token = Token.create(DETACHED)
    const spec = CollectionSpec.parse(readFileSync(process.env.TOKEN_OBJECT!), 'data.bpf.o')
    const loaded = outcome(() => Collection.load(spec, { token }))
    const local: MapSpec = {
      name: 'local',
      type: 'sk_storage',
      keySize: 4,
      valueSize: 4,
      flags: BPF_F_NO_PREALLOC,
    }
    const int = spec.btf!.find('int', 'int')!
    spec.maps.set('local', { ...local, btf: spec.btf!, keyTypeId: int, valueTypeId: int })
    return { loaded, stored: outcome(() => Collection.load(spec, { token })) }
  },

  /** `LIBBPF_BPF_TOKEN_PATH`. */
  variable() {
    const named = process.env.LIBBPF_BPF_TOKEN_PATH
    mountAt(BPFFS)
    return {
      named,
      map: outcome(() => BpfMap.create(hash)),
      collection: outcome(() =>
        Collection.load(CollectionSpec.parse(readFileSync(process.env.TOKEN_OBJECT!), 'data.bpf.o')),
      ),
      probe: haveMapType('hash'),
      path: outcome(() => Token.automatic()),
    }
  },

  /** Answers of probes are kept for each token. */
  probes() {
    using all = Token.create(DETACHED)
    const none = { token: false } as const
    return {
      maps: [haveMapType('hash', none), haveMapType('hash', { token: all }), haveMapType('hash', none)],
      lacking: haveMapType('xskmap', { token: all }),
      storage: [haveMapType('sk_storage', none), haveMapType('sk_storage', { token: all })],
      nested: [haveMapType('hash_of_maps', none), haveMapType('hash_of_maps', { token: all })],
      programs: [haveProgramType('xdp', none), haveProgramType('xdp', { token: all })],
      helpers: [haveHelper('xdp', 'jiffies64', none), haveHelper('xdp', 'jiffies64', { token: all })],
      btf: [features.btfEnum64.probe(false), features.btfEnum64.probe(all)],
    }
  },

  /** A token that delegates fewer types leaves open what a first one has answered. */
  fewerProbes() {
    using token = Token.create(DETACHED)
    return {
      hash: haveMapType('hash', { token }),
      array: haveMapType('array', { token }),
      xdp: haveProgramType('xdp', { token }),
    }
  },

  /** BTF by id. */
  btfById() {
    using token = Token.create(DETACHED)
    using object = BtfObject.load(rawBtf(), { token })
    return {
      withToken: outcome(() => BtfObject.fromId(object.id, { token })),
      without: outcome(() => BtfObject.fromId(object.id, { token: false })),
    }
  },

  /** Which file systems have no token for this process, and why. */
  refusals() {
    const inherited = outcome(() => Token.create(process.env.TOKEN_INHERITED))
    const detached = outcome(() => Token.create(DETACHED))
    mountAt(BPFFS)
    mkdirSync(`${BPFFS}/directory`)
    return {
      inherited,
      detached,
      directory: outcome(() => Token.create(`${BPFFS}/directory`)),
      file: outcome(() => Token.create('/proc')),
      missing: outcome(() => Token.create('/nowhere')),
      automatic: Token.automatic() === undefined,
    }
  },
}

function reopened(): Token {
  return Token.create(DETACHED)
}

console.log(JSON.stringify(await scenarios[process.argv[2]!]!()))
