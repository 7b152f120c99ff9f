/**
 * Where code of the caller runs while perf buffers and the rings of collections are read.
 *
 * @module
 */

import { struct, u32 } from '../../../src/base/codecs.ts'
import { Collection } from '../../../src/collection/collection.ts'
import type { CollectionOptions } from '../../../src/collection/load.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { PerfBuffer } from '../../../src/readers/perf/perf-buffer.ts'
import { SharedRingBuffer } from '../../../src/readers/shared-ring/shared-ring-buffer.ts'
import { UserRingBuffer } from '../../../src/readers/user-ring/user-ring-buffer.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'
import { PACKET } from '../objects.ts'
import { createPerfArray, perfCpuProgram } from '../readers/perf-programs.ts'
import { createRing, outputProgram } from '../readers/ring-programs.ts'
import { type Hook, nothing, type Place, withGetter } from './user-code.ts'

/** `BPF_F_TEST_RUN_ON_CPU`. */
const ON_CPU = 1

/** Records of the programs here take 16 bytes with their header, so these do not fit. */
const TOO_MANY = pageSize() / 16 + 8

/** A perf buffer of one page for one CPU. */
function perfPlace(records: number, run: (perf: PerfBuffer<number>) => unknown, on: 'lost' | 'record') {
  return (): Place => {
    const map = createPerfArray()
    const program = perfCpuProgram(map)
    let act: Hook = nothing
    const perf = PerfBuffer.open(map, {
      pages: 1,
      cpus: [0],
      codec: {
        ...u32,
        decode: (view, offset, length) => {
          if (on === 'record') act()
          return u32.decode(view, offset, length)
        },
      },
      onLost: () => {
        if (on === 'lost') act()
      },
    })
    const write = (count: number): void => {
      for (let i = 0; i < count; i++) program.testRun({ cpu: 0, flags: ON_CPU })
    }
    write(records)
    // The kernel puts what was lost before the next record that fits.
    if (on === 'lost') {
      perf.drain(nothing)
      write(2)
    }
    return {
      run: hook => {
        act = hook
        return run(perf)
      },
      use: () => perf.drain(nothing),
      close: () => perf.close(),
      after: () => perf.drain(nothing),
      end: () => {
        for (const each of [perf, program, map]) each.close()
      },
    }
  }
}

/**
 * A walk over the records of a perf buffer, with code in `onLost`, or between two of them. It ends after that: the code may
 * have taken what the walk would wait for.
 */
function perfRecordsPlace(on: 'lost' | 'walk') {
  return (): Place => {
    const controller = new AbortController()
    let act: Hook = nothing
    const once = (): void => {
      try {
        act()
      } finally {
        controller.abort()
      }
    }
    const place = perfPlace(
      on === 'lost' ? TOO_MANY : 2,
      async perf => {
        for await (const _ of perf.records({ signal: controller.signal })) if (on === 'walk') once()
      },
      on === 'lost' ? 'lost' : 'record',
    )()
    return {
      ...place,
      run: hook => {
        act = hook
        return place.run(on === 'lost' ? once : nothing)
      },
    }
  }
}

/** A shared ring buffer with two records, which the code reads again. */
function sharedRingPlace(run: (ring: SharedRingBuffer, act: Hook) => unknown) {
  return (): Place => {
    const map = createRing()
    const program = outputProgram(map)
    const ring = SharedRingBuffer.open(map)
    for (let i = 0; i < 2; i++) program.testRun({ data: PACKET })
    return {
      run: hook => run(ring, hook),
      use: () => ring.take(),
      close: () => ring.close(),
      after: () => ring.take(),
      end: () => {
        for (const each of [ring, program, map]) each.close()
      },
    }
  }
}

/** A user ring buffer, and a value whose getter acts. */
function userRingPlace(run: (ring: UserRingBuffer<{ a: number }>, value: { a: number }) => unknown) {
  return (): Place => {
    const map = BpfMap.create({ name: 'commands', type: 'user_ringbuf', maxEntries: pageSize() })
    const ring = UserRingBuffer.open(map, { codec: struct({ a: u32 }) })
    return {
      run: hook => run(ring, withGetter({ a: 1 }, 'a', hook)),
      use: () => ring.send({ a: 2 }),
      close: () => ring.close(),
      after: () => ring.send({ a: 3 }),
      end: () => {
        ring.close()
        map.close()
      },
    }
  }
}

const ringSpec = (): CollectionSpec =>
  new CollectionSpec({ maps: [['events', { name: 'events', type: 'ringbuf', maxEntries: pageSize() }]] })

/** Loads a collection with a map of the caller, which the code uses or closes. */
function loadPlace(load: (options: CollectionOptions) => Collection | Promise<Collection>): () => Place {
  return () => {
    const map = createRing()
    const run = async (hook: Hook): Promise<void> => {
      const maps = withGetter({ events: map }, 'events', hook)
      const collection = await load({ maps })
      collection.close()
    }
    return {
      run,
      use: () => map.info(),
      close: () => map.close(),
      after: () => run(nothing),
      end: () => map.close(),
    }
  }
}

/** By call and code, as the table of the guide has them. */
export const placesOfReaders: Readonly<Record<string, readonly (() => Place)[]>> = {
  'perf.drain: the callback, onLost': [
    perfPlace(2, perf => perf.drain(({ value }) => value), 'record'),
    perfPlace(TOO_MANY, perf => perf.drain(nothing), 'lost'),
  ],
  'perf.records: onLost': [perfRecordsPlace('lost')],
  'perf.records: what waits for next': [perfRecordsPlace('walk')],
  'sharedRing.drain, batch.read: the callback': [
    sharedRingPlace((ring, act) => ring.drain(act)),
    sharedRingPlace((ring, act) => {
      using batch = ring.take()
      return batch?.read(act)
    }),
  ],
  'userRing.send, userRing.sendWhenFree: codec or getters of the value': [
    userRingPlace((ring, value) => ring.send(value)),
    userRingPlace((ring, value) => ring.sendWhenFree(value)),
  ],
  'Collection.load, Collection.loadAsync: getters of the options': [
    loadPlace(options => Collection.load(ringSpec(), options)),
    loadPlace(options => Collection.loadAsync(ringSpec(), options)),
  ],
  'collection.records: codec of the record': [
    () => {
      const collection = Collection.load(ringSpec())
      const program = outputProgram(collection.maps.get('events') as never)
      for (let i = 0; i < 2; i++) program.testRun({ data: PACKET })
      let act: Hook = nothing
      const codec = { ...u32, decode: () => act() }
      return {
        run: async hook => {
          act = hook
          const { value } = await collection.records('events', { codec }).next()
          return value?.value
        },
        use: () => collection.maps.get('events').info(),
        close: () => collection.close(),
        after: () => collection.maps.get('events').info(),
        end: () => {
          program.close()
          collection.close()
        },
      }
    },
  ],
}
