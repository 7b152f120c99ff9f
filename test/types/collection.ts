/**
 * Names and types of a collection with a shape, and without one.
 *
 * @module
 */

import {
  type BpfMap,
  Collection,
  type CollectionShape,
  CollectionSpec,
  type MapSpec,
  type Program,
  type ProgramSpec,
  type Variable,
  type VariableSpec,
} from 'ebpf-ts'
import { is } from './expect.ts'
import type { Opensnoop } from './opensnoop.ts'

const spec = CollectionSpec.fromFile<Opensnoop>(new URL('file:///opensnoop.bpf.o'))
const collection = Collection.load(spec)

is<CollectionSpec<Opensnoop>>()(spec)
is<CollectionSpec<Opensnoop>>()(CollectionSpec.parse<Opensnoop>(new Uint8Array()))
is<CollectionSpec<Opensnoop>>()(spec.copy())
is<Collection<Opensnoop>>()(collection)
is<Promise<Collection<Opensnoop>>>()(Collection.loadAsync(spec))

// Names of specs.
is<MapSpec>()(spec.maps.get('events'))
is<ProgramSpec>()(spec.programs.get('on_enter'))
is<VariableSpec<number>>()(spec.variables.get('target_uid'))
is<boolean>()(spec.maps.has('perhaps'))
// @ts-expect-error no such map
spec.maps.get('event')
// @ts-expect-error no such program
spec.programs.get('on_entry')
// @ts-expect-error no such variable
spec.variables.get('target_pid')

// Variables of specs.
is<number>()(spec.variables.get('target_uid').get())
spec.variables.get('target_uid').set(1000)
spec.variables.get('dropped').set(0)
spec.variables.get('dropped').set(0n)
spec.variables.get('point').set({ x: 1 })
// @ts-expect-error a string for a number
spec.variables.get('target_uid').set('1000')
// @ts-expect-error a number for a string
spec.variables.get('label').set(5)
// @ts-expect-error a bigint for a number of 32 bits
spec.variables.get('target_uid').set(1000n)
// @ts-expect-error no such member
spec.variables.get('point').set({ z: 1 })

// Names of loaded things.
is<Program>()(collection.programs.get('on_exit'))
is<Variable<bigint>>()(collection.variables.get('dropped'))
for (const name of collection.programs.keys()) is<'on_enter' | 'on_exit'>()(name)
// @ts-expect-error no such map
collection.maps.get('start')
// @ts-expect-error no such program
collection.programs.get('on_entry')
// @ts-expect-error no such variable
collection.variables.get('drops')

// Variables of loaded collections.
is<bigint>()(collection.variables.get('dropped').get())
is<number>()(collection.variables.get('target_uid').get())
collection.variables.get('dropped').set(0)
// @ts-expect-error a constant cannot be set
collection.variables.get('target_uid').set(1)
// @ts-expect-error a string for a bigint
collection.variables.get('dropped').set('0')

// Options and operations by name.
Collection.load(spec, { maps: { starts: collection.maps.get('starts') } })
collection.attachStructOps('congestion')
// @ts-expect-error no such map
Collection.load(spec, { maps: { stars: collection.maps.get('starts') } })
// @ts-expect-error not a struct_ops map
collection.attachStructOps('starts')

// Without a shape: any name, and nothing is known.
const anyCollection = Collection.load(CollectionSpec.fromFile('any.bpf.o'))
is<Collection>()(anyCollection)
is<BpfMap<unknown, unknown>>()(anyCollection.maps.get('any'))
is<unknown>()(anyCollection.maps.get('any').get(1))
is<unknown>()(anyCollection.variables.get('any').get())
is<Program>()(anyCollection.programs.get('any'))
anyCollection.variables.get('any').set({ anything: 1n })
// @ts-expect-error what is read is unknown, not bytes
anyCollection.maps.get('any').get(1).length
// @ts-expect-error a map of unknown values is not a map of bytes
const _bytes: BpfMap = anyCollection.maps.get('any')

// A shape of which a part is left out.
interface OnlyVariables {
  variables: { limit: number }
}
const partly = Collection.load(CollectionSpec.fromFile<OnlyVariables>('partly.bpf.o'))
is<BpfMap<unknown, unknown>>()(partly.maps.get('any'))
is<Variable<number>>()(partly.variables.get('limit'))
// @ts-expect-error the list of variables is complete
partly.variables.get('limits')

// Generated shapes may extend the form.
interface Extending extends CollectionShape {
  maps: { counts: { type: 'hash'; key: number; value: bigint } }
}
is<bigint | undefined>()(Collection.load(CollectionSpec.fromFile<Extending>('x')).maps.get('counts').get(1))

// Wrong shapes.
interface WithoutMapType {
  maps: { counts: { key: number; value: bigint } }
}
// @ts-expect-error a map needs its type: it decides what a value is
CollectionSpec.fromFile<WithoutMapType>('x')
interface Later {
  version: 2
}
// @ts-expect-error a shape of another form
CollectionSpec.fromFile<Later>('x')
// @ts-expect-error a path or a URL
CollectionSpec.fromFile(5)

// What takes any collection takes one with a shape.
declare function takesSpec(spec: CollectionSpec): void
declare function takesCollection(collection: Collection): void
declare function takesMaps(maps: Collection['maps']): void
declare function takesVariables(variables: Collection['variables']): void
takesSpec(spec)
takesCollection(collection)
takesMaps(collection.maps)
takesVariables(collection.variables)
