/** How objects that exist are opened, and what is refused: the same for maps, programs, links and BTF. */

import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { F_DUPFD_CLOEXEC } from '../../../src/abi/linux.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { addInt, doNothing } from '../../../src/kernel/probes/experiment.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { rawTracepoint } from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { Link } from '../../../src/links/link.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { BtfObject } from '../../../src/objects/btf-object.ts'
import type { ObjectKind } from '../../../src/objects/kinds.ts'
import type { OpenPinOptions } from '../../../src/objects/pin.ts'
import { Program } from '../../../src/programs/program.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { nr } from '../../../src/syscalls/numbers.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { kernelTest } from '../../support/kernel-test.ts'

/** What every wrapper of a kernel object offers. */
interface Wrapper extends Disposable {
  readonly fd: number
  readonly id: number
  readonly closed: boolean
  info(): { id: number }
}

/** One class, with what its messages say. */
interface Case {
  readonly kind: ObjectKind
  readonly noun: string
  readonly code: string
  readonly fromFd: (fd: number) => Wrapper
  readonly fromId: (id: number) => Wrapper
  readonly list: () => Iterable<Wrapper>
  /** Absent where the kernel has no pins of the kind. */
  readonly loadPinned?: (path: string, options?: OpenPinOptions) => Wrapper
}

const cases: readonly Case[] = [
  {
    kind: 'map',
    noun: 'map',
    code: 'ERR_NOT_A_MAP',
    fromFd: BpfMap.fromFd,
    fromId: BpfMap.fromId,
    list: BpfMap.list,
    loadPinned: BpfMap.loadPinned,
  },
  {
    kind: 'program',
    noun: 'program',
    code: 'ERR_NOT_A_PROGRAM',
    fromFd: Program.fromFd,
    fromId: Program.fromId,
    list: Program.list,
    loadPinned: Program.loadPinned,
  },
  {
    kind: 'link',
    noun: 'link',
    code: 'ERR_NOT_A_LINK',
    fromFd: Link.fromFd,
    fromId: Link.fromId,
    list: Link.list,
    loadPinned: Link.loadPinned,
  },
  {
    kind: 'btf',
    noun: 'BTF object',
    code: 'ERR_NOT_A_BTF_OBJECT',
    fromFd: BtfObject.fromFd,
    fromId: BtfObject.fromId,
    list: BtfObject.list,
  },
]

/** One object of each kind. */
interface Samples extends Disposable {
  readonly byKind: Readonly<Record<ObjectKind, Wrapper>>
  /** Pins those that can be pinned, below a directory, by the name of their kind. */
  pin(directory: string): void
}

function samples(): Samples {
  const stack: Disposable[] = []
  const keep = <T extends Disposable>(each: T): T => {
    stack.unshift(each)
    return each
  }
  const map = keep(BpfMap.create({ name: 'm', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 }))
  const instructions = doNothing()
  const program = keep(Program.load({ name: 'p', type: 'raw_tracepoint', instructions, license: 'GPL' }))
  const link = keep(rawTracepoint(program, 'sched_switch'))
  const types = new BtfBuilder()
  addInt(types)
  const btf = keep(BtfObject.load(types.build()))
  return {
    byKind: { map, program, link, btf },
    pin(directory) {
      map.pin(`${directory}/map`)
      program.pin(`${directory}/program`)
      link.pin(`${directory}/link`)
    },
    [Symbol.dispose]() {
      for (const each of stack) each[Symbol.dispose]()
    },
  }
}

/** A second descriptor of the same file. */
function duplicate(fd: number): number {
  return syscallEntry().syscall(nr.fcntl, fd, F_DUPFD_CLOEXEC, 3)
}

function countFds(): number {
  return readdirSync('/proc/self/fd').length
}

for (const { kind, noun, code, fromFd, fromId, list, loadPinned } of cases) {
  kernelTest(`a ${noun} is opened by descriptor and id, and is in the list`, [features.link], t => {
    using made = samples()
    const sample = made.byKind[kind]
    const { id } = sample
    t.is(id, sample.info().id)
    using byFd = fromFd(duplicate(sample.fd))
    using byId = fromId(id)
    t.deepEqual([byFd.id, byId.id], [id, id])
    let listed = 0
    for (const each of list()) {
      if (each.id === id) listed++
      each[Symbol.dispose]()
      t.true(each.closed)
    }
    t.is(listed, 1)
  })

  kernelTest(`a number that cannot be the descriptor of a ${noun} is refused`, [], t => {
    for (const fd of [-1, 1.5, Number.NaN, 2 ** 31, 2 ** 32, '3' as unknown as number]) {
      t.throws(() => fromFd(fd), {
        instanceOf: RangeError,
        message: `Cannot use ${fd} as a ${noun}: a descriptor is an integer from 0 to 2147483647`,
      })
    }
    const fd = openSync('/dev/null', 'r')
    closeSync(fd)
    for (const closed of [fd, 9999]) {
      t.throws(() => fromFd(closed), {
        instanceOf: BpfError,
        code: 'EBADF',
        message: `Cannot use ${closed} as a ${noun}: Bad file descriptor (EBADF)`,
      })
    }
  })

  kernelTest(`a descriptor of something else than a ${noun} is refused, and closed`, [features.link], t => {
    using made = samples()
    const before = countFds()
    for (const other of cases) {
      if (other.kind === kind) continue
      const fd = duplicate(made.byKind[other.kind].fd)
      t.throws(() => fromFd(fd), {
        instanceOf: BpfError,
        code,
        message: `Descriptor ${fd} is a ${other.noun}, not a ${noun}`,
      })
    }
    const fd = openSync('/dev/null', 'r')
    t.throws(() => fromFd(fd), { code, message: `Descriptor ${fd} is /dev/null, not a ${noun}` })
    t.is(countFds(), before)
  })

  kernelTest(`an id that no ${noun} has is refused`, [], t => {
    for (const id of [0, -1, 1.5, Number.NaN, 2 ** 32]) {
      t.throws(() => fromId(id), {
        instanceOf: RangeError,
        message: `Cannot open ${noun} ${id}: an id is an integer from 1 to 4294967295`,
      })
    }
    t.throws(() => fromId(0x7fff_ffff), {
      instanceOf: BpfError,
      code: 'ENOENT',
      message: `Cannot open ${noun} 2147483647: No such file or directory (ENOENT)`,
    })
  })

  if (loadPinned === undefined) continue
  kernelTest(`a pin that is not a ${noun} is refused`, [features.link], t => {
    using bpffs = temporaryBpffs()
    using made = samples()
    made.pin(bpffs.path)
    using opened = loadPinned(`${bpffs.path}/${kind}`)
    t.is(opened.id, made.byKind[kind].id)
    const before = countFds()
    for (const other of cases) {
      if (other.kind === kind || other.loadPinned === undefined) continue
      const path = `${bpffs.path}/${other.kind}`
      t.throws(() => loadPinned(path), {
        instanceOf: BpfError,
        code: 'ERR_PIN_KIND',
        message: `The pin ${path} is a ${other.noun}, not a ${noun}`,
      })
    }
    const nothing = `${bpffs.path}/nothing`
    t.throws(() => loadPinned(nothing), {
      code: 'ENOENT',
      message: `Cannot open pinned ${noun} ${nothing}: No such file or directory (ENOENT)`,
    })
    mkdirSync(`${bpffs.path}/directory`)
    t.throws(() => loadPinned(`${bpffs.path}/directory`), { instanceOf: BpfError })
    t.throws(() => loadPinned(`${tmpdir()}/.`), { code: 'ERR_NOT_BPFFS' })
    t.throws(() => loadPinned('a\0b'), { instanceOf: RangeError })
    t.throws(() => loadPinned(nothing, { readOnly: true, writeOnly: true }), {
      instanceOf: TypeError,
      message: `Cannot open pinned ${noun} ${nothing}: readOnly and writeOnly exclude each other`,
    })
    t.is(countFds(), before)
  })
}

kernelTest('the BTF of a program is asked of a program', [], t => {
  using made = samples()
  const { map } = made.byKind
  t.throws(() => BtfObject.ofProgram(map.fd), {
    code: 'ERR_NOT_A_PROGRAM',
    message: `Descriptor ${map.fd} is a map, not a program`,
  })
  t.throws(() => BtfObject.ofProgram(2 ** 32), { instanceOf: RangeError })
  t.false(map.closed)
})
