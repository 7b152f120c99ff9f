/**
 * What is done while operations fail: each way to load, attach, read, iterate and pin.
 *
 * @module
 */

import { BPF_F_SLEEPABLE } from '../../src/abi/constants.ts'
import { mov } from '../../src/asm/alu.ts'
import { exit } from '../../src/asm/jumps.ts'
import { r0, r1 } from '../../src/asm/registers.ts'
import { u32, u64 } from '../../src/base/codecs.ts'
import { BpfError } from '../../src/base/errors.ts'
import { Collection } from '../../src/collection/collection.ts'
import { CollectionSpec } from '../../src/collection/spec.ts'
import { nrCpuIds, onlineCpus } from '../../src/kernel/cpus.ts'
import { features } from '../../src/kernel/probes/features.ts'
import { deviceIndex } from '../../src/links/hooks/network/device.ts'
import { listProbeEvents } from '../../src/links/hooks/perf-event/probe-event.ts'
import { Link } from '../../src/links/link.ts'
import { BpfMap } from '../../src/maps/map.ts'
import type { MapSpec } from '../../src/maps/spec.ts'
import { Token } from '../../src/objects/token.ts'
import { Program } from '../../src/programs/program.ts'
import type { ProgramSpec } from '../../src/programs/spec.ts'
import { PerfBuffer } from '../../src/readers/perf/perf-buffer.ts'
import { RingBuffer } from '../../src/readers/ring-buffer.ts'
import { SharedRingBuffer } from '../../src/readers/shared-ring/shared-ring-buffer.ts'
import { UserRingBuffer } from '../../src/readers/user-ring/user-ring-buffer.ts'
import { KernelSymbols } from '../../src/symbols/kallsyms.ts'
import { traceableFunctions } from '../../src/symbols/traceable.ts'
import { compiledSwitch } from '../../test/support/elf/jump-table.ts'
import { objectPath, objectSpec, objectWith, PACKET } from '../../test/support/objects.ts'
import { insnArrays, streams } from '../../test/support/programs/features.ts'
import { userRings } from '../../test/support/readers/user-ring-command.ts'
import { attaching } from './attaching.ts'
import { removing, type Scenario } from './scenario.ts'

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

const CORE = objectWith('core', ['field_byte_offset', 'field_exists'])

/** Does what a kernel may refuse. */
function refused(act: () => unknown): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
  }
}

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
    act: keep => refused(() => keep(Program.load(invalid))),
  },
  ...attaching,
  { name: 'find a network device', act: () => deviceIndex('lo', 'a program') },
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
  {
    name: 'read what a program has written',
    needs: [streams],
    act: keep => {
      const program = keep(Program.load({ ...valid, type: 'syscall', flags: BPF_F_SLEEPABLE }))
      program.readStream('stdout')
      program.readStream('stderr')
    },
  },
  {
    name: 'load a program with a jump table',
    needs: [insnArrays],
    guest: true,
    act: keep => keep(Collection.load(CollectionSpec.parse(compiledSwitch()))),
  },
  {
    name: 'create a token, and load with the one of the environment',
    needs: ['bpffs', features.token],
    act: (keep, bpffs) => {
      // Only in a user namespace is there more than a refusal.
      refused(() => keep(Token.create(bpffs)))
      process.env.LIBBPF_BPF_TOKEN_PATH = bpffs
      try {
        refused(() => keep(Program.load(valid)))
        refused(() => keep(BpfMap.create(hash)))
      } finally {
        delete process.env.LIBBPF_BPF_TOKEN_PATH
      }
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
