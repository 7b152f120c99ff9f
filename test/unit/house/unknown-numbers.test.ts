/**
 * What a kernel or a compiler of the future says in numbers that no table has: it is passed on as a number, whatever asks,
 * and nothing is refused for it.
 */

import { closeSync, openSync } from 'node:fs'
import test from 'ava'
import * as enums from '../../../src/abi/generated/enums.ts'
import { attr, linkInfo, mapInfo, progInfo } from '../../../src/abi/generated/layouts.ts'
import { enumName, enumNumber } from '../../../src/abi/names.ts'
import { call } from '../../../src/asm/calls.ts'
import { disassembleLines } from '../../../src/asm/disassemble.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { classes, modes, sizes, sources } from '../../../src/asm/opcodes.ts'
import { EINVAL } from '../../../src/base/errno.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { Btf } from '../../../src/btf/btf.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import { sectionTypes } from '../../../src/elf/format.ts'
import { writeElf } from '../../../src/elf/write.ts'
import { inspectObject } from '../../../src/inspect/inspect.ts'
import { haveHelper } from '../../../src/kernel/probes/have-helper.ts'
import { haveMapType } from '../../../src/kernel/probes/have-map-type.ts'
import { haveProgramType } from '../../../src/kernel/probes/have-program-type.ts'
import { missingDelegation } from '../../../src/kernel/tokens/delegation.ts'
import { readLinkInfo, readLinkType } from '../../../src/links/read-info.ts'
import { taskFdQuery } from '../../../src/links/task-fd-query.ts'
import { readMapInfo } from '../../../src/maps/info.ts'
import { mapKind } from '../../../src/maps/kinds.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { readProgramInfo } from '../../../src/programs/info.ts'
import { Program } from '../../../src/programs/program.ts'
import { explainVerdict } from '../../../src/programs/refusal/explain-verdict.ts'
import { parseSectionName } from '../../../src/programs/sections.ts'
import { FUTURE_KIND, futureBtf, futureLayout, futureStrings, futureWords } from '../../support/btf/future.ts'
import { executeHere } from '../../support/cli/fake-terminal.ts'
import { temporaryFile } from '../../support/cli/hostile.ts'
import { code } from '../../support/elf/files.ts'
import { fakeKernel } from '../../support/syscalls/fake-kernel.ts'

const FUTURE = 0x3039

/** The info struct of the next object that is asked for. */
let info = new DataView(new ArrayBuffer(0))

fakeKernel({
  obj_get_info_by_fd: ({ attr: fields, at }) => {
    const size = fields.getUint32(attr.info.info_len, true)
    const target = at(fields.getBigUint64(attr.info.info, true))
    // Pointers and counts of the second reading stay as they are.
    if (target.subarray(0, size).every(byte => byte === 0))
      target.set(new Uint8Array(info.buffer).subarray(0, size))
    return 0
  },
  map_create: ({ attr: fields }) =>
    fields.getUint32(attr.map_create.map_type, true) === FUTURE ? 1000 : -EINVAL,
  prog_load: ({ attr: fields }) =>
    fields.getUint32(attr.prog_load.prog_type, true) === FUTURE ? 1001 : -EINVAL,
  map_lookup_elem: () => 0,
  task_fd_query: ({ attr: fields }) => {
    fields.setUint32(attr.task_fd_query.fd_type, FUTURE, true)
    return 0
  },
})

/** An info struct with 32-bit fields set. */
function struct(fields: Readonly<Record<number, number>>): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(512))
  for (const [offset, value] of Object.entries(fields)) view.setUint32(Number(offset), value, true)
  return view
}

test('every table of an enumeration passes on what it does not know', t => {
  const tables = Object.entries(enums).filter(([, table]) => typeof table === 'object')
  t.true(tables.length >= 10)
  for (const [name, table] of tables) {
    t.is(enumName(table, FUTURE), FUTURE, name)
    t.is(enumNumber(table, FUTURE as never, name), FUTURE, name)
  }
})

test('types of maps and programs in their info', t => {
  info = struct({ [mapInfo.type]: FUTURE, [mapInfo.map_flags]: 0x8000_0000 })
  const fd = openSync('/dev/null', 'r')
  const map = readMapInfo(fd)
  closeSync(fd)
  t.is(map.type, FUTURE)
  t.is(map.flags, 0x8000_0000)
  t.is(mapKind(FUTURE).elements, 'keyed')
  info = struct({ [progInfo.type]: FUTURE })
  t.is(readProgramInfo(1001).type, FUTURE)
})

test('types of links, of events and of what they are attached to in their info', t => {
  info = struct({ [linkInfo.type]: FUTURE, [linkInfo.id]: 7, [linkInfo.prog_id]: 8 })
  t.is(readLinkType(1002), FUTURE)
  t.deepEqual(readLinkInfo(1002) as object, { type: FUTURE, id: 7, programId: 8 })
  const { perf_event } = enums.linkTypes
  info = struct({ [linkInfo.type]: perf_event, [linkInfo.perf_event.type]: FUTURE })
  t.like(readLinkInfo(1002), { type: 'perf_event', event: { type: FUTURE } })
  const attached = ['tracing', 'cgroup', 'netns', 'tcx', 'netkit', 'sockmap'] as const
  for (const type of attached) {
    const { attach_type } = linkInfo[type]
    info = struct({ [linkInfo.type]: enums.linkTypes[type], [attach_type]: FUTURE })
    t.like(readLinkInfo(1002), { type, attachType: FUTURE })
  }
  // Every type that is known is read from a struct with nothing in it.
  for (const [name, number] of Object.entries(enums.linkTypes)) {
    info = struct({ [linkInfo.type]: number })
    t.is(readLinkInfo(1002).type, name as never)
  }
  t.is(taskFdQuery(1, 1)?.kind, FUTURE)
})

test('maps and programs of types that only the kernel knows are created by number', t => {
  using map = BpfMap.create({ name: 'm', type: FUTURE, keySize: 4, valueSize: 4, maxEntries: 1 })
  t.is(map.type, FUTURE)
  t.deepEqual(map.get(new Uint8Array(4)), new Uint8Array(4))
  using program = Program.load({
    type: FUTURE,
    expectedAttachType: FUTURE,
    instructions: [exit()],
    flags: 0x8000_0000,
  })
  t.is(program.type, FUTURE)
  for (const act of [
    () => BpfMap.create({ name: 'm', type: FUTURE + 1, keySize: 4, valueSize: 4, maxEntries: 1 }),
    () => Program.load({ type: FUTURE + 1, expectedAttachType: FUTURE, instructions: [exit()] }),
  ]) {
    const { message } = t.throws(act, { instanceOf: BpfError, code: 'EINVAL' })
    t.notRegex(message, /undefined|NaN|needs Linux/)
  }
})

test('probes answer of what the tables do not know', t => {
  t.is(haveMapType(FUTURE), 'yes')
  t.is(haveMapType(FUTURE + 1), 'no')
  t.is(haveProgramType(FUTURE), 'unknown')
  t.is(haveHelper('xdp', FUTURE), 'no')
  const use = { command: 'map_create', mapType: FUTURE } as const
  const all = { cmds: ~0n, maps: 1n << 60n, progs: 0n, attachs: 0n }
  t.is(missingDelegation(all, use), `map type ${FUTURE} (delegate_maps=60)`)
  const log = `0: (85) call unknown#${FUTURE}\ninvalid func unknown#${FUTURE}\n`
  t.is(explainVerdict({ log, type: FUTURE, license: '' }), `the kernel has no helper number ${FUTURE}`)
})

/** Bits of an operation that no jump has. */
const NO_OPERATION = 0xf0

/** Instructions of no release, between such that are. */
const unknownCode: Instruction[] = [
  call(FUTURE),
  { opcode: classes.jmp | sources.x | NO_OPERATION, dst: 15, src: 14, offset: -1, imm: -1 },
  { opcode: classes.stx | modes.atomic | sizes.dw, dst: 1, src: 2, offset: 0, imm: 0x7fff_ff00 },
  exit(),
]

/** An object with numbers of the future wherever it has some. */
function futureObject(): Uint8Array {
  const definition = new Uint8Array(Uint32Array.of(FUTURE, 4, 8, 1, 0x8000_0000).buffer)
  const bytes = writeElf({
    sections: [
      code('future.hook/target', unknownCode),
      { name: 'maps', data: definition },
      { name: '.future', type: 0x7fff_1234, data: new Uint8Array(8) },
    ],
    symbols: [
      { name: 'main', section: 1, size: unknownCode.length * 8 },
      { name: 'it', type: 'object', section: 2, size: 20 },
      { name: 'other', type: 'object', section: 3, size: 8 },
    ],
  })
  const elf = ElfFile.parse(bytes)
  const table = elf.sections.find(({ type }) => type === sectionTypes.symtab)!
  const index = elf.symbols.findIndex(({ name }) => name === 'other')
  // Both halves of `st_info`: binding and type.
  bytes[table.offset + index * 24 + 4] = 0xdd
  return bytes
}

test('numbers of an object are in what is said of it', t => {
  const elf = ElfFile.parse(futureObject())
  t.is(elf.sections.find(({ name }) => name === '.future')?.type, 0x7fff_1234)
  const other = elf.symbols.find(({ name }) => name === 'other')
  t.deepEqual([other?.type, other?.binding], ['other', 'other'])
  t.is(parseSectionName('future.hook/target').definition, undefined)
  const spec = CollectionSpec.parse(futureObject())
  const main = spec.programs.get('main')
  t.true([...disassembleLines(main.instructions)].length >= unknownCode.length)
  main.type = FUTURE
  main.expectedAttachType = FUTURE
  const { programs, maps } = inspectObject(spec)
  t.like(programs[0], { type: FUTURE, attachType: FUTURE, helpers: [`unknown#${FUTURE}`] })
  t.like(maps[0], { name: 'it', type: FUTURE, flags: 0x8000_0000 })
})

test('and in what inspect prints', async t => {
  const path = temporaryFile(t, 'future.bpf.o', futureObject())
  for (const options of [[], ['--disassemble'], ['--json']]) {
    const { stdout, stderr, code: status } = await executeHere(['inspect', path, ...options])
    t.is(status, 0, stderr)
    t.true(stdout.includes(String(FUTURE)), stdout)
  }
})

test('kinds of BTF', t => {
  const source = { words: futureWords, strings: futureStrings, layout: futureLayout }
  t.like(Btf.parse(futureBtf(source)).type(2), { kind: 'unknown', number: FUTURE_KIND })
})
