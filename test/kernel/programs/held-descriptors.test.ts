/** What a load refers to is what it was given, whatever has the descriptor's number when the kernel gets to it. */

import { mov } from '../../../src/asm/alu.ts'
import { loadMap, loadMapFd, loadMapValue } from '../../../src/asm/calls.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1 } from '../../../src/asm/registers.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { BtfObject } from '../../../src/objects/btf-object.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { OwnedFd } from '../../../src/syscalls/fd.ts'
import { allocate } from '../../../src/syscalls/memory.ts'
import { nr } from '../../../src/syscalls/numbers.ts'
import { kernelTest } from '../../support/kernel-test.ts'

const map = (name: string): MapSpec => ({
  name,
  type: 'array',
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
})

const using = (...maps: string[]): ProgramSpec => ({
  name: 'user',
  type: 'socket_filter',
  license: 'GPL',
  instructions: [...maps.map(name => loadMap(r1, name)), mov(r0, 0), exit()],
})

/** Keeps all threads of the pool busy for a while. */
async function occupyPool(): Promise<void> {
  const { syscall, syscallAsync } = syscallEntry()
  using epoll = OwnedFd.adopt(syscall(nr.epoll_create1, 0), 'epoll set')
  const events = allocate(16)
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4)
  await Promise.all(
    Array.from({ length: threads }, () => syscallAsync(nr.epoll_pwait, epoll.fd, events.address, 1, 100)),
  )
}

/** Closes an object and opens others until one has its number. */
function replace(object: Disposable & { readonly fd: number }): BpfMap[] {
  const { fd } = object
  object[Symbol.dispose]()
  const others: BpfMap[] = []
  do others.push(BpfMap.create({ ...map('other'), type: 'array' }))
  while (others.at(-1)!.fd !== fd && others.length < 8)
  return others
}

kernelTest('a map that is closed while a program is loaded is the one that the program uses', [], async t => {
  const busy = occupyPool()
  const wanted = BpfMap.create(map('wanted'))
  const { id } = wanted
  const loading = Program.loadAsync(using('wanted'), { maps: () => wanted })
  const others = replace(wanted)
  using program = await loading
  for (const each of others) each.close()
  t.deepEqual(program.info().mapIds, [id])
  await busy
})

kernelTest('so it is with a map whose descriptor the instructions have as a number', [], async t => {
  const busy = occupyPool()
  const wanted = BpfMap.create(map('wanted'))
  const { id } = wanted
  const instructions = [
    loadMapFd(r1, wanted),
    loadMapFd(r1, wanted),
    loadMapValue(r1, wanted, 4),
    mov(r0, 0),
    exit(),
  ]
  const loading = Program.loadAsync({ ...using(), instructions })
  const others = replace(wanted)
  using program = await loading
  for (const each of others) each.close()
  t.deepEqual(program.info().mapIds, [id])
  await busy
})

kernelTest('so it is with a map that a collection is given', [], async t => {
  const busy = occupyPool()
  const wanted = BpfMap.create(map('wanted'))
  const { id } = wanted
  const spec = new CollectionSpec({
    maps: [['wanted', map('wanted')]],
    programs: [['user', using('wanted')]],
  })
  const loading = Collection.loadAsync(spec, { maps: { wanted } })
  const others = replace(wanted)
  using collection = await loading
  for (const each of others) each.close()
  t.deepEqual(collection.programs.get('user').info().mapIds, [id])
  await busy
})

kernelTest('BTF that is closed while a program is loaded is the one that it has', [], async t => {
  const busy = occupyPool()
  const builder = new BtfBuilder()
  const int = builder.add({
    kind: 'int',
    name: 'int',
    size: 4,
    encoding: 'signed',
    bitOffset: 0,
    bits: 32,
  })
  const type = builder.add({ kind: 'func_proto', name: '', type: int, params: [] })
  const funcTypeId = builder.add({ kind: 'func', name: 'user', type, linkage: 'static' })
  const btf = BtfObject.load(builder.build())
  const { id } = btf
  const spec = { ...using(), instructions: [{ ...mov(r0, 0), funcTypeId }, exit()] }
  const loading = Program.loadAsync(spec, { btf: { fd: btf.fd, stringOffset: () => undefined } })
  const others = replace(btf)
  using program = await loading
  for (const each of others) each.close()
  t.is(program.info().btfId, id)
  await busy
})

for (const how of ['load', 'loadAsync'] as const) {
  kernelTest(`a resolver of maps may close what it gave before: ${how}`, [], async t => {
    const first = BpfMap.create(map('first'))
    const { id } = first
    const others: BpfMap[] = []
    const maps = (name: string): BpfMap => {
      if (name === 'first') return first as BpfMap
      others.push(...replace(first))
      return others.at(-1)!
    }
    using program = await Program[how](using('first', 'second'), { maps })
    t.deepEqual(new Set(program.info().mapIds), new Set([id, others.at(-1)!.id]))
    for (const each of others) each.close()
  })
}

kernelTest('a map that is closed already is refused, and nothing stays open', [], async t => {
  const [open, closed] = [BpfMap.create(map('open')), BpfMap.create(map('closed'))]
  closed.close()
  const maps = (name: string): BpfMap => (name === 'open' ? open : closed) as BpfMap
  t.throws(() => Program.load(using('open', 'closed'), { maps }), { code: 'ERR_CLOSED' })
  await t.throwsAsync(Program.loadAsync(using('open', 'closed'), { maps }), { code: 'ERR_CLOSED' })
  open.close()
})
