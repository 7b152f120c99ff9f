/**
 * What is done while operations fail: each way to load, attach, read, iterate and pin.
 *
 * @module
 */

import { rmSync } from 'node:fs'
import { mov } from '../../src/asm/alu.ts'
import { exit } from '../../src/asm/jumps.ts'
import { r0, r1 } from '../../src/asm/registers.ts'
import { u32, u64 } from '../../src/base/codecs.ts'
import { BpfError } from '../../src/base/errors.ts'
import { Collection } from '../../src/collection/collection.ts'
import { CollectionSpec } from '../../src/collection/spec.ts'
import { nrCpuIds, onlineCpus } from '../../src/kernel/cpus.ts'
import type { Feature } from '../../src/kernel/probes/probe.ts'
import { cgroup } from '../../src/links/hooks/cgroup/cgroup.ts'
import { iter } from '../../src/links/hooks/iter/iter.ts'
import { rawTracepoint } from '../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { tracepoint } from '../../src/links/hooks/kernel-probes/tracepoint.ts'
import { deviceIndex } from '../../src/links/hooks/network/device.ts'
import { listProbeEvents } from '../../src/links/hooks/perf-event/probe-event.ts'
import { uprobe } from '../../src/links/hooks/user-probes/uprobe.ts'
import { Link } from '../../src/links/link.ts'
import { BpfMap } from '../../src/maps/map.ts'
import type { MapSpec } from '../../src/maps/spec.ts'
import { Program } from '../../src/programs/program.ts'
import type { ProgramSpec } from '../../src/programs/spec.ts'
import { VerifierError } from '../../src/programs/verifier-error.ts'
import { PerfBuffer } from '../../src/readers/perf-buffer.ts'
import { RingBuffer } from '../../src/readers/ring-buffer.ts'
import { SharedRingBuffer } from '../../src/readers/shared-ring/shared-ring-buffer.ts'
import { UserRingBuffer } from '../../src/readers/user-ring/user-ring-buffer.ts'
import { KernelSymbols } from '../../src/symbols/kallsyms.ts'
import { traceableFunctions } from '../../src/symbols/traceable.ts'
import { loadObject, objectPath, objectSpec, objectWith, PACKET } from '../../test/support/objects.ts'
import { userRings } from '../../test/support/readers/user-ring-command.ts'
import { cgroup2Path, type Requirement } from '../../test/support/requirements.ts'

/** Takes what is made, to be disposed of when the scenario is over; returns it. */
export type Keep = <D extends Disposable>(made: D) => D

/** Something that makes system calls and file operations. */
export interface Scenario {
  readonly name: string
  readonly needs?: readonly (Feature | Requirement)[]
  /** It takes a second: `npm run faults` has it, and no test. */
  readonly slow?: boolean
  /**
   * Does it.
   *
   * @param bpffs an empty directory on a bpffs, which must be empty again in the end
   */
  act(keep: Keep, bpffs: string): unknown
}

const hash: MapSpec = { name: 'faults', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 64 }
const ring: MapSpec = { name: 'faults', type: 'ringbuf', maxEntries: 1 << 16 }
const userRing: MapSpec = { name: 'faults', type: 'user_ringbuf', maxEntries: 1 << 16 }
const perfArray: MapSpec = {
  name: 'perf',
  type: 'perf_event_array',
  keySize: 4,
  valueSize: 4,
  maxEntries: nrCpuIds(),
}
const pinned: MapSpec = { ...hash, name: 'pinned', pinning: 'by_name', pinPath: 'a/b/pinned' }
const valid: ProgramSpec = { name: 'valid', type: 'socket_filter', instructions: [mov(r0, 0), exit()] }
const invalid: ProgramSpec = { name: 'invalid', type: 'socket_filter', instructions: [mov(r1, 0), exit()] }

/** Removes pins that a step made which did not fail. */
function removing(path: string): Disposable {
  return { [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Loads a program of `sections`, attaches it, and looks at the link. */
function attach(program: string, how: (program: Program) => Link): Scenario['act'] {
  return keep => {
    const collection = keep(loadObject('sections', [program]))
    const link = keep(how(collection.programs.get(program)))
    link.info()
    return link
  }
}

const CGROUP = cgroup2Path()
const CORE = objectWith('core', ['field_byte_offset', 'field_exists'])

/** All scenarios. */
export const scenarios: readonly Scenario[] = [
  { name: 'load an object with CO-RE', act: keep => keep(Collection.load(CORE)) },
  { name: 'load maps of all types', act: keep => keep(Collection.load(objectSpec('maps'))) },
  {
    name: 'load asynchronously',
    act: async keep => {
      const collection = keep(await Collection.loadAsync(objectSpec('data')))
      for (const [, variable] of collection.variables) variable.get()
    },
  },
  {
    name: 'load with externs',
    slow: true,
    act: keep =>
      keep(Collection.load(objectWith('externs', ['read_config', 'skip_branch', 'count_missing']))),
  },
  {
    name: 'load with pins',
    needs: ['bpffs'],
    act: (keep, bpffs) => {
      const spec = new CollectionSpec({ maps: [['pinned', pinned]], programs: [['valid', valid]] })
      keep(Collection.load(spec, { pinPath: bpffs }))
      keep(removing(`${bpffs}/a`))
      keep(Collection.load(spec, { pinPath: bpffs }))
    },
  },
  {
    name: 'load what the verifier refuses',
    act: keep => {
      try {
        keep(Program.load(invalid))
      } catch (error) {
        if (!(error instanceof VerifierError)) throw error
      }
    },
  },
  {
    name: 'attach to a raw tracepoint',
    act: attach('on_raw_tp', program => rawTracepoint(program, 'sched_switch')),
  },
  {
    name: 'attach to a tracepoint',
    needs: ['tracefs'],
    act: attach('on_tp', program => tracepoint(program, 'sched', 'sched_switch')),
  },
  {
    name: 'attach to a function of a program',
    act: keep => {
      const program = keep(Program.load({ ...valid, type: 'kprobe' }))
      keep(uprobe(program, 'libc.so.6', { symbol: 'getppid', pid: process.pid })).info()
    },
  },
  {
    name: 'attach to a cgroup',
    needs: ['cgroup2'],
    act: attach('on_cgroup_skb_egress', program => cgroup(program, CGROUP!, 'cgroup_inet_egress')),
  },
  {
    name: 'attach an iterator and read it',
    act: keep => {
      const collection = keep(loadObject('sections', ['on_iter']))
      const link = keep(iter(collection.programs.get('on_iter')))
      link.read()
    },
  },
  {
    name: 'attach all programs of an object',
    act: keep => keep(keep(loadObject('sections', ['on_raw_tp', 'on_raw_tracepoint'])).attach()),
  },
  { name: 'find a network device', act: () => deviceIndex('lo') },
  {
    name: 'open a ring buffer and read it',
    act: keep => {
      const map = keep(BpfMap.create(ring))
      keep(RingBuffer.open(map)).drain(() => {})
    },
  },
  {
    name: 'open a perf buffer and read it',
    act: keep => {
      const map = keep(BpfMap.create(perfArray))
      const reader = keep(PerfBuffer.open(map, { pages: 1 }))
      reader.drain(() => {})
      reader.pause()
      reader.resume()
      reader.refresh()
    },
  },
  {
    name: 'wait for records of a perf buffer',
    act: async keep => {
      const map = keep(BpfMap.create(perfArray))
      const reader = keep(PerfBuffer.open(map, { pages: 1 }))
      const controller = new AbortController()
      const next = reader.records({ signal: controller.signal }).next()
      controller.abort()
      await next
    },
  },
  {
    name: 'wait for records',
    act: async keep => {
      const map = keep(BpfMap.create(ring))
      const reader = keep(RingBuffer.open(map))
      const controller = new AbortController()
      const next = reader.records({ signal: controller.signal }).next()
      controller.abort()
      await next
    },
  },
  {
    name: 'share a ring buffer, and wait for a batch',
    act: async keep => {
      const map = keep(BpfMap.create(ring))
      const reader = keep(SharedRingBuffer.open(map))
      const joined = keep(SharedRingBuffer.join(reader.share()))
      joined.drain(() => {})
      const controller = new AbortController()
      const next = joined.batches({ signal: controller.signal }).next()
      controller.abort()
      await next
    },
  },
  {
    name: 'send to a user ring buffer, and wait for space',
    needs: [userRings],
    act: async keep => {
      const map = keep(BpfMap.create(userRing))
      const producer = keep(UserRingBuffer.open(map, { codec: u64 }))
      const joined = keep(UserRingBuffer.join(producer.share(), { codec: u64 }))
      while (joined.send(1n));
      const controller = new AbortController()
      const waiting = producer.sendWhenFree(1n, { signal: controller.signal })
      controller.abort()
      try {
        await waiting
      } catch (error) {
        if (error !== controller.signal.reason) throw error
      }
    },
  },
  {
    name: 'use and iterate over a map',
    act: keep => {
      const map = keep(BpfMap.create(hash)).typed(u32, u64)
      map.set(1, 1n).set(2, 2n, 'no_exist')
      map.get(1)
      map.has(2)
      map.delete(2)
      map.nextKey()
      for (const [key] of map) map.set(key, 3n)
      map.getAndDelete(1)
    },
  },
  {
    name: 'read and write a map in batches',
    act: keep => {
      const map = keep(BpfMap.create(hash)).typed(u32, u64)
      map.setBatch([
        [1, 1n],
        [2, 2n],
      ])
      for (const batch of map.getBatch()) batch.length
      map.deleteBatch([1])
      for (const batch of map.getAndDeleteBatch()) batch.length
    },
  },
  {
    name: 'pin, open and remove',
    needs: ['bpffs'],
    act: (keep, bpffs) => {
      const map = keep(BpfMap.create(hash))
      const path = `${bpffs}/a/b/map`
      map.pin(path, { parents: true })
      keep(removing(`${bpffs}/a`))
      keep(BpfMap.loadPinned(path)).info()
      map.unpin(path)
    },
  },
  {
    name: 'open by id and list',
    act: keep => {
      const program = keep(Program.load(valid))
      keep(Program.fromId(program.id)).translated()
      for (const each of Program.list()) each.close()
      for (const each of BpfMap.list()) each.close()
      for (const each of Link.list()) each.close()
    },
  },
  { name: 'run a program', act: keep => keep(Program.load(valid)).testRun({ data: PACKET, repeat: 2 }) },
  { name: 'read an object', act: () => CollectionSpec.fromFile(objectPath('data')) },
  { name: 'read the symbols of the kernel', slow: true, act: () => KernelSymbols.read() },
  {
    name: 'list the functions that can be probed',
    needs: ['tracefs'],
    act: () => {
      try {
        traceableFunctions()
      } catch (error) {
        // A kernel without the function tracer.
        if (!(error instanceof BpfError && error.code === 'ENOENT')) throw error
      }
      listProbeEvents()
    },
  },
  { name: 'count CPUs', act: () => onlineCpus() },
]
