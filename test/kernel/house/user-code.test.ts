/** What docs/user-code.md says of code of the caller that runs inside the library: each row of its table is done. */

import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import { loadMap } from '../../../src/asm/calls.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1 } from '../../../src/asm/registers.ts'
import type { Codec } from '../../../src/base/codec.ts'
import { u32, u64 } from '../../../src/base/codecs.ts'
import { BpfError } from '../../../src/base/errors.ts'
import type { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { RingBuffer } from '../../../src/readers/ring-buffer.ts'
import { type Hook, nothing, type Place, withGetter } from '../../support/house/user-code.ts'
import { hooksWithOptions } from '../../support/house/user-code-hooks.ts'
import { needsOfLinks, placesOfLinks } from '../../support/house/user-code-links.ts'
import { placesOfReaders } from '../../support/house/user-code-readers.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject, objectPath, PACKET } from '../../support/objects.ts'
import { createRing, outputProgram, ringBuffers } from '../../support/readers/ring-programs.ts'

const spec = { name: 'counters', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 64 } satisfies MapSpec

/** A codec that runs the hook before it encodes or decodes. */
function hooked<T, W>(codec: Codec<T, W>, hook: Hook): Codec<T, W> {
  return {
    size: codec.size,
    encode(value, view, offset) {
      hook()
      codec.encode(value, view, offset)
    },
    decode(view, offset, length) {
      hook()
      return codec.decode(view, offset, length)
    },
  }
}

/** A map of two elements. */
function mapPlace(
  run: (view: BpfMap<number, bigint>) => unknown,
  which: 'keys' | 'values',
  use: (map: BpfMap<number, bigint>) => unknown = map => map.set(1, 1n).get(2),
): () => Place {
  return () => {
    const map = BpfMap.create(spec)
    const plain = map.typed(u32, u64)
    plain.set(1, 1n).set(2, 2n)
    return {
      run: hook => {
        const [keys, values] = which === 'keys' ? [hook, nothing] : [nothing, hook]
        return run(map.typed(hooked(u32, keys), hooked(u64, values)))
      },
      use: () => use(plain),
      close: () => map.close(),
      after: () => plain.get(2),
      end: () => map.close(),
    }
  }
}

/** A queue of two elements. */
function queuePlace(run: (view: BpfMap<undefined, bigint>) => unknown): () => Place {
  return () => {
    const map = BpfMap.create({ name: 'queue', type: 'queue', valueSize: 8, maxEntries: 8 })
    const plain = (map as BpfMap<unknown, unknown>).typedValues(u64)
    plain.push(1n).push(2n)
    return {
      run: hook => run((map as BpfMap<unknown, unknown>).typedValues(hooked(u64, hook))),
      use: () => plain.peek(),
      close: () => map.close(),
      after: () => plain.peek(),
      end: () => map.close(),
    }
  }
}

function programPlace(load: (hook: Hook, map: BpfMap, other: BpfMap) => unknown): () => Place {
  return () => {
    const [map, other] = [BpfMap.create(spec), BpfMap.create(spec)]
    return {
      run: hook => load(hook, map, other),
      use: () => map.get(new Uint8Array(4)),
      close: () => map.close(),
      after: () => load(nothing, map, other),
      end: () => {
        map.close()
        other.close()
      },
    }
  }
}

/** Gives the first map, and the second after the hook. */
function resolver(hook: Hook, map: BpfMap, other: BpfMap): (name: string) => BpfMap {
  return name => {
    if (name === 'first') return map
    hook()
    return other
  }
}

const loadSpec: ProgramSpec = {
  name: 'user',
  type: 'socket_filter',
  instructions: [loadMap(r1, 'first'), loadMap(r1, 'second'), mov(r0, 0), exit()],
}

/** A ring with two records. */
function ringPlace(
  run: (ring: RingBuffer<unknown>, hook: Hook) => unknown,
  use: (ring: RingBuffer<unknown>) => unknown,
): () => Place {
  return () => {
    const map = createRing()
    const program = outputProgram(map)
    for (let i = 0; i < 2; i++) program.testRun({ data: PACKET })
    let onDecode: Hook = nothing
    const ring = RingBuffer.open(map, { codec: { ...u32, decode: () => onDecode() } })
    return {
      run: hook => {
        onDecode = hook
        return run(ring, hook)
      },
      use: () => use(ring),
      close: () => ring.close(),
      after: () => ring.drain(nothing),
      end: () => {
        for (const each of [ring, program, map]) each.close()
      },
    }
  }
}

/** By call and code, as the table has them. */
const places: Readonly<Record<string, readonly (() => Place)[]>> = {
  ...placesOfReaders,
  ...placesOfLinks,
  'map.get, map.getAndDelete: codec or getters of the key': [
    mapPlace(map => map.get(1), 'keys'),
    mapPlace(map => map.getAndDelete(1), 'keys'),
  ],
  'map.get, map.getAndDelete, map.pop, map.peek: codec of the value': [
    mapPlace(map => map.get(1), 'values'),
    mapPlace(map => map.getAndDelete(1), 'values'),
    queuePlace(queue => queue.pop()),
    queuePlace(queue => queue.peek()),
  ],
  'map.has, map.delete, map.nextKey: codec or getters of the key': [
    mapPlace(map => map.has(1), 'keys'),
    mapPlace(map => map.delete(1), 'keys'),
    mapPlace(map => map.nextKey(1), 'keys'),
  ],
  'map.set: codec or getters of the key': [mapPlace(map => map.set(1, 1n), 'keys')],
  'map.set, map.push: codec or getters of the value, fd of what owns a descriptor': [
    mapPlace(map => map.set(1, 1n), 'values'),
    queuePlace(queue => queue.push(3n)),
    () => {
      const map = BpfMap.create({
        name: 'calls',
        type: 'prog_array',
        keySize: 4,
        valueSize: 4,
        maxEntries: 2,
      })
      const program = Program.load({ ...loadSpec, instructions: [mov(r0, 0), exit()] })
      const set = (fd: { fd: number }): unknown =>
        (map as BpfMap<unknown, unknown>).bytes().set(new Uint8Array(4), fd)
      return {
        run: hook => set(withGetter({ fd: program.fd }, 'fd', hook)),
        use: () => set(program),
        close: () => map.close(),
        after: () => set(program),
        end: () => {
          map.close()
          program.close()
        },
      }
    },
  ],
  'map.setBatch, map.deleteBatch: the iterable, codecs, getters': [
    mapPlace(map => map.setBatch([[1, 1n]]), 'values'),
    mapPlace(map => map.deleteBatch([1]), 'keys'),
    () => {
      const place = mapPlace(nothing, 'keys')()
      const map = BpfMap.create(spec)
      const view = map.typed(u32, u64)
      return {
        ...place,
        run: hook =>
          view.setBatch(
            (function* () {
              hook()
              yield [1, 1n] as const
            })(),
          ),
        close: () => map.close(),
        end: () => {
          map.close()
          place.end?.()
        },
      }
    },
  ],
  'map.getBatch, map.getAndDeleteBatch: codecs': [
    mapPlace(map => map.getBatch().next(), 'values'),
    mapPlace(map => map.getAndDeleteBatch().next(), 'keys'),
  ],
  'map.keys, map.values, map.entries: codecs': [
    mapPlace(map => map.keys().next(), 'keys'),
    mapPlace(map => map.values().next(), 'values'),
    mapPlace(map => map.entries().next(), 'values'),
  ],
  'map.entries, its own next: codecs': [
    () => {
      const map = BpfMap.create(spec)
      map.typed(u32, u64).set(1, 1n).set(2, 2n)
      let walk: Iterator<unknown> | undefined
      return {
        run: hook => {
          walk = map.typed(u32, hooked(u64, hook)).entries()
          return walk.next()
        },
        use: () => walk?.next(),
        close: () => map.close(),
        end: () => map.close(),
      }
    },
  ],
  'BpfMap.create: getters of the spec': [
    () => ({
      run: hook => BpfMap.create(withGetter<MapSpec>(spec, 'flags', hook)).close(),
      use: () => BpfMap.create(spec).close(),
    }),
  ],
  'variable.set: getters of the value': [
    () => {
      const collection: Collection = loadObject('data')
      const [variable] = [...collection.variables.values()].filter(
        each => typeof each.get() === 'object' && !each.constant && !Array.isArray(each.get()),
      )
      const value = variable!.get() as Record<string, unknown>
      const [member] = Object.keys(value)
      return {
        run: hook => variable!.set(withGetter(value, member!, hook)),
        use: () => variable!.set(value),
        close: () => collection.close(),
        after: () => variable!.get(),
        end: () => collection.close(),
      }
    },
  ],
  'Program.load, Program.loadAsync: maps, fd of a map, btf.stringOffset': [
    programPlace((hook, map, other) => {
      Program.load(loadSpec, { maps: resolver(hook, map, other) }).close()
    }),
    programPlace(async (hook, map, other) => {
      const program = await Program.loadAsync(loadSpec, { maps: resolver(hook, map, other) })
      program.close()
    }),
  ],
  'program.testRun: getters of the options': [
    () => {
      const program = Program.load({ ...loadSpec, instructions: [mov(r0, 0), exit()] })
      return {
        run: hook => program.testRun(withGetter({ data: PACKET }, 'data', hook)),
        use: () => program.testRun({ data: PACKET }),
        close: () => program.close(),
        after: () => program.testRun({ data: PACKET }),
        end: () => program.close(),
      }
    },
  ],
  'program.bindMap: fd of the map': [
    () => {
      const program = Program.load({ ...loadSpec, instructions: [mov(r0, 0), exit()] })
      const map = BpfMap.create(spec)
      return {
        run: hook => program.bindMap(withGetter({ fd: map.fd }, 'fd', hook)),
        use: () => program.testRun({ data: PACKET }),
        close: () => program.close(),
        after: () => program.bindMap(map),
        end: () => {
          program.close()
          map.close()
        },
      }
    },
  ],
  'RingBuffer.open, PerfBuffer.open: the iterable, getters of a map': [
    () => {
      const map = createRing()
      const source = { name: 'events', spec: undefined }
      return {
        run: hook => {
          const own = withGetter(source, 'name', hook)
          RingBuffer.open(
            Object.defineProperty(own, 'fd', { get: () => map.fd }) as unknown as BpfMap,
          ).close()
        },
        use: () => map.info(),
        close: () => map.close(),
        end: () => map.close(),
      }
    },
  ],
  'ring.drain: the callback': [
    ringPlace(
      (ring, hook) => ring.drain(hook),
      ring => ring.drain(nothing),
    ),
  ],
  'record.value: codec of the record': [
    ringPlace(
      async ring => {
        const { value } = await ring.records().next()
        return value?.value
      },
      ring => ring.drain(nothing),
    ),
  ],
  'ring.records: what waits for next': [
    ringPlace(
      async (ring, hook) => {
        for await (const _ of ring.records()) {
          hook()
          break
        }
      },
      ring => ring.drain(nothing),
    ),
  ],
  'CollectionSpec.parse: legacyMap': [
    () => {
      const bytes = readFileSync(objectPath('legacy-maps'))
      return {
        run: hook =>
          CollectionSpec.parse(bytes, 'legacy', {
            legacyMap: () => {
              hook()
              return undefined
            },
          }),
        use: () => CollectionSpec.parse(bytes),
      }
    },
  ],
}

/** The rows of the table: the call and its code, and the two answers. */
const rows = [
  ...readFileSync('docs/user-code.md', 'utf8').matchAll(/^\| (`.*?) \| (.*?) \| (.*?) \| (.*?) \|$/gm),
].map(([, call, code, using, closing]) => ({
  name: `${call}: ${code}`.replaceAll('`', ''),
  using: answerOf(using!),
  closing: answerOf(closing!),
}))

/** `'yes'`, or the code of the error. */
function answerOf(cell: string): string {
  return /`(\w+)`/.exec(cell)?.[1] ?? cell.split(/[ ,]/, 1)[0]!
}

/** Runs a place once, with code that acts once; the answer as the table has it. */
async function answer(place: Place, act: () => unknown): Promise<string> {
  let calls = 0
  try {
    await place.run(() => {
      if (calls++ === 0) act()
    })
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    return error.code
  }
  return calls > 0 ? 'yes' : 'the code was not called'
}

test('the table of docs/user-code.md has the rows that are done here', t => {
  t.deepEqual(rows.map(({ name }) => name).sort(), Object.keys(places).sort())
})

/** Does each place thrice: code that uses the object, that closes it, and that throws. */
async function check(
  t: ExecutionContext,
  made: readonly (() => Place)[],
  using: string,
  closing: string,
): Promise<void> {
  for (const make of made) {
    const trial = async (act: (place: Place) => Promise<unknown>): Promise<void> => {
      const place = make()
      try {
        await act(place)
      } finally {
        place.end?.()
      }
    }
    await trial(async place => t.is(await answer(place, () => place.use()), using))
    await trial(async place => {
      if (place.close === undefined) t.is(closing, '–')
      else t.is(await answer(place, () => place.close!()), closing)
    })
    await trial(async place => {
      const own = new Error('own')
      const run = async (): Promise<unknown> =>
        place.run(() => {
          throw own
        })
      t.is(await t.throwsAsync(run), own)
      await t.notThrowsAsync(async () => place.after?.())
    })
  }
}

for (const { name, using, closing } of rows) {
  const needs = [ringBuffers, ...(needsOfLinks[name] ?? [])]
  kernelTest(`code of the caller does what the table says: ${name}`, needs, t =>
    check(t, places[name] ?? [], using, closing),
  )
}

const everyHook = rows.find(({ name }) => name.startsWith('cgroup, and every other hook: '))!

for (const [name, { needs, places: made }] of Object.entries(hooksWithOptions)) {
  kernelTest(`code of the caller does what the table says: getters of the options of ${name}`, needs, t =>
    check(t, made, everyHook.using, everyHook.closing),
  )
}
