import type { ExecutionContext } from 'ava'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { type MapType, mapTypes } from '../../../src/abi/generated/enums.ts'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { haveMapType } from '../../../src/kernel/probes/have-map-type.ts'
import { isAtLeast } from '../../../src/kernel/version.ts'
import {
  isKeyless,
  type MapKind,
  type MapOperation,
  mapKinds,
  smallSize,
  usualSize,
} from '../../../src/maps/kinds.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { kernelTest } from '../../support/kernel-test.ts'

const inner: MapSpec = { name: 'inner', type: 'array', valueSize: 4, maxEntries: 1 }

/** Types of this kernel that can be created without BTF. */
function kindsHere(): [type: MapType, kind: MapKind][] {
  return (Object.entries(mapKinds) as [MapType, MapKind][]).filter(
    ([type, { btf, kernelType }]) =>
      !type.endsWith('_deprecated') && btf !== 'needed' && kernelType !== true && haveMapType(type) === 'yes',
  )
}

/** A small map of a kind, with nothing in its spec that follows from the type. */
function small(type: MapType, kind: MapKind): MapSpec {
  const { capacity, requiredFlags = 0, values } = kind
  const spec: MapSpec = { name: 'small', type, flags: requiredFlags }
  if (usualSize(kind.keySize) === undefined) spec.keySize = smallSize(kind.keySize)
  if (usualSize(kind.valueSize) === undefined) spec.valueSize = smallSize(kind.valueSize)
  if (capacity !== 'cpus' && capacity !== 'objects') spec.maxEntries = 1
  if (values === 'map') spec.innerMap = inner
  return spec
}

/** Which types something is not true of. */
function exceptions(found: readonly [MapType, MapKind][], holds: (type: MapType, kind: MapKind) => boolean) {
  return found.filter(([type, kind]) => !holds(type, kind)).map(([type]) => type)
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof BpfError) return error.code
    throw error
  }
}

const create = (spec: MapSpec): string | undefined => codeOf(() => BpfMap.create(spec).close())

/** Calls `act` with a small map of each type, and collects those that it returns `false` of. */
function wrong(
  t: ExecutionContext,
  kinds: readonly [MapType, MapKind][],
  holds: (map: BpfMap, kind: MapKind, type: MapType) => boolean,
): MapType[] {
  t.true(kinds.length > 0)
  return exceptions(kinds, (type, kind) => {
    using map = BpfMap.create(small(type, kind)).bytes()
    return holds(map, kind, type)
  })
}

kernelTest('maps of every kind are created from what does not follow from their type', [], t => {
  const kinds = kindsHere()
  t.true(kinds.length >= 20)
  t.deepEqual(
    exceptions(kinds, (type, kind) => create(small(type, kind)) === undefined),
    [],
  )
})

kernelTest('the kernel takes the sizes of the table', [], t => {
  for (const field of ['keySize', 'valueSize'] as const) {
    const accepted = exceptions(kindsHere(), (type, kind) => {
      const size = kind[field]
      const other = typeof size === 'number' ? size + 4 : 'least' in size ? size.least - 1 : 12
      // A size of 0 stands for the usual one.
      return other === 0 || create({ ...small(type, kind), [field]: other }) !== undefined
    })
    t.deepEqual(accepted, [], field)
  }
})

kernelTest('the kernel demands the flags of the table, and adds those that it says', [], t => {
  const demanding = kindsHere().filter(([, { requiredFlags }]) => requiredFlags !== undefined)
  t.true(demanding.length > 0)
  const without = exceptions(
    demanding,
    (type, kind) => create({ ...small(type, kind), flags: 0 }) === 'EINVAL',
  )
  t.deepEqual(without, [])
  const differs = wrong(t, kindsHere(), (map, { requiredFlags = 0, addedFlags = 0 }) => {
    return map.info().flags === (requiredFlags | addedFlags)
  })
  t.deepEqual(differs, [])
})

kernelTest('a map that has an element for each object takes no number of elements', [], t => {
  const storage = kindsHere().filter(([, { capacity }]) => capacity === 'objects')
  t.true(storage.length > 0)
  t.deepEqual(
    exceptions(storage, (type, kind) => create({ ...small(type, kind), maxEntries: 1 }) === 'EINVAL'),
    [],
  )
})

kernelTest('an index that is not below the number of elements is too large', [], t => {
  const settable = kindsHere().filter(
    ([type, { indexed, values }]) => indexed && values === 'bytes' && type !== 'stack_trace',
  )
  t.deepEqual(
    wrong(t, settable, map => {
      const key = new Uint8Array(4)
      new DataView(key.buffer).setUint32(0, map.maxEntries, true)
      return codeOf(() => map.set(key, new Uint8Array(map.valueSize))) === 'E2BIG'
    }),
    [],
  )
})

kernelTest('system calls read, delete and list elements where the table says so', [], t => {
  const missing = ['ENOTSUPP', 'EOPNOTSUPP']
  const keyed = kindsHere().filter(([, { elements }]) => elements === 'keyed')
  const differs = (holds: (map: BpfMap, can: (what: MapOperation) => boolean, type: MapType) => boolean) =>
    wrong(t, keyed, (map, { operations }, type) => holds(map, what => operations.includes(what), type))
  const first = (map: BpfMap): Uint8Array => new Uint8Array(map.keySize)

  t.deepEqual(
    differs((map, can) => can('get') === !missing.includes(codeOf(() => map.get(first(map))) ?? '')),
    [],
  )
  t.deepEqual(
    differs((map, can) => can('keys') === !missing.includes(codeOf(() => map.nextKey()) ?? '')),
    [],
  )
  // A map of sockets says EINVAL of an index without a socket, too.
  t.deepEqual(
    differs(
      (map, can, type) =>
        can('delete') === (codeOf(() => map.delete(first(map))) !== 'EINVAL') || type === 'sockmap',
    ),
    [],
  )
})

kernelTest('every index of an array whose elements cannot be deleted has a value', [], t => {
  const fixed = kindsHere().filter(([, kind]) => kind.indexed && !kind.operations.includes('delete'))
  t.deepEqual(
    wrong(t, fixed, map => map.has(new Uint8Array(4))),
    [],
  )
})

kernelTest('elements without keys are pushed, and no others', [], t => {
  const differs = wrong(t, kindsHere(), (map, kind) => {
    const element = new Uint8Array(map.valueSize)
    if (!isKeyless(kind)) return t.throws(() => map.push(element)) instanceof TypeError
    map.push(element)
    const back = kind.elements === 'queue' ? map.pop() !== undefined : map.has(element)
    return back && t.throws(() => map.keys()) instanceof TypeError
  })
  t.deepEqual(differs, [])
})

kernelTest('batches work from the release of the table on', [], t => {
  const keyed = kindsHere().filter(([, { elements }]) => elements === 'keyed')
  const differs = wrong(t, keyed, (map, { batches, batchesSince }) => {
    const expected = batchesSince !== undefined && isAtLeast(batchesSince)
    let works = true
    try {
      map.getBatch().next()
    } catch (error) {
      if (!(error instanceof NotSupportedError)) throw error
      works = false
    }
    return works === expected && (batches === undefined || batchesSince !== undefined)
  })
  // Later kinds may have batches whose release is not in the table.
  t.deepEqual(
    differs.filter(type => mapTypes[type] <= mapTypes.arena),
    [],
  )
})

kernelTest('elements of hashes are read and deleted at once from the release of the table on', [], t => {
  const hashes = kindsHere().filter(([, { lookupAndDeleteSince }]) => lookupAndDeleteSince !== undefined)
  const differs = wrong(t, hashes, (map, { lookupAndDeleteSince }) => {
    const works = isAtLeast(lookupAndDeleteSince!)
    const code = codeOf(() => map.getAndDelete(new Uint8Array(map.keySize)))
    return (code === undefined) === works
  })
  t.deepEqual(differs, [])
})

kernelTest('values of a mappable map can be mapped, and those of others cannot', [], t => {
  const differs = wrong(t, kindsHere(), (map, { mappable }, type) => {
    if (mappable !== true) return map.memory() === undefined
    using mapped = BpfMap.create({ ...small(type, mapKinds[type]), flags: 1 << 10 })
    return mapped.memory() !== undefined || !isAtLeast(featureSince.mmapableMaps)
  })
  t.deepEqual(differs, [])
})
