import { mkdirSync, readdirSync } from 'node:fs'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { pinObject } from '../../../src/objects/pin.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { kernelTest } from '../../support/kernel-test.ts'

// A load that fails removes the pins and directories that it made, whichever step fails, and no others.

const pinned = (name: string, changes: Partial<MapSpec> = {}): MapSpec => ({
  name,
  type: 'array',
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
  pinning: 'by_name',
  ...changes,
})

const valid: ProgramSpec = { name: 'valid', type: 'socket_filter', instructions: [mov(r0, 0), exit()] }
const invalid: ProgramSpec = { name: 'invalid', type: 'socket_filter', instructions: [mov(r1, 0), exit()] }
const tails: MapSpec = {
  name: 'tails',
  type: 'prog_array',
  keySize: 4,
  valueSize: 4,
  maxEntries: 1,
  contents: [{ key: Uint8Array.of(9, 0, 0, 0), value: { program: 'valid' } }],
}

function specOf(maps: readonly MapSpec[], programs: readonly ProgramSpec[] = []): CollectionSpec {
  return new CollectionSpec({
    maps: maps.map(map => [map.name, map]),
    programs: programs.map(program => [String(program.name), program] as const),
  })
}

/** The last step is the one that fails. */
const failures: readonly [step: string, spec: () => CollectionSpec, code: string][] = [
  [
    'a map cannot be created',
    () => specOf([pinned('a'), pinned('b'), pinned('c', { keySize: 3 })]),
    'EINVAL',
  ],
  [
    'a pin has a name that a bpffs refuses',
    () => specOf([pinned('a'), pinned('b', { pinPath: 'x/y/b.c' })]),
    'EPERM',
  ],
  ['a directory cannot be made', () => specOf([pinned('a'), pinned('b', { pinPath: 'x/y/z.z/b' })]), 'EPERM'],
  [
    'a pin is where another map has its directory',
    () => specOf([pinned('a'), pinned('b', { pinPath: 'a/b' })]),
    'ENOTDIR',
  ],
  [
    'two maps of different sizes have one pin',
    () => specOf([pinned('a', { pinPath: 'x/a' }), pinned('b', { pinPath: 'x/a', maxEntries: 2 })]),
    'ERR_MAP_INCOMPATIBLE',
  ],
  [
    'the verifier refuses a program',
    () => specOf([pinned('a'), pinned('b', { pinPath: 'x/y/b' })], [valid, invalid]),
    'EACCES',
  ],
  ['a program does not fit into its array', () => specOf([pinned('a'), tails], [valid]), 'E2BIG'],
]

for (const [step, spec, code] of failures) {
  kernelTest(`no pin or directory stays when ${step}`, [], async t => {
    using bpffs = temporaryBpffs()
    const content = (): string[] => readdirSync(bpffs.path, { recursive: true, encoding: 'utf8' }).sort()
    for (const pinPath of [bpffs.path, `${bpffs.path}/app/maps`]) {
      t.throws(() => Collection.load(spec(), { pinPath }), { instanceOf: BpfError, code })
      t.deepEqual(content(), [])
      await t.throwsAsync(Collection.loadAsync(spec(), { pinPath }), { instanceOf: BpfError, code })
      t.deepEqual(content(), [])
    }
  })
}

kernelTest('a load that fails leaves pins and directories that were there before', [], async t => {
  using bpffs = temporaryBpffs()
  const options = { pinPath: bpffs.path }
  mkdirSync(`${bpffs.path}/x`)
  using before = BpfMap.create(pinned('a'), options)
  const spec = specOf([pinned('a'), pinned('b', { pinPath: 'x/y/b' })], [invalid])
  t.throws(() => Collection.load(spec, options), { code: 'EACCES' })
  await t.throwsAsync(Collection.loadAsync(spec, options), { code: 'EACCES' })
  t.deepEqual(readdirSync(bpffs.path, { recursive: true, encoding: 'utf8' }).sort(), ['a', 'x'])
  using found = BpfMap.loadPinned(`${bpffs.path}/a`)
  t.is(found.id, before.id)
})

kernelTest('a load that succeeds leaves its pins', [], async t => {
  using bpffs = temporaryBpffs()
  const spec = specOf([pinned('a'), pinned('b', { pinPath: 'x/y/b' })], [valid])
  Collection.load(spec, { pinPath: bpffs.path }).close()
  const content = (): string[] => readdirSync(bpffs.path, { recursive: true, encoding: 'utf8' }).sort()
  t.deepEqual(content(), ['a', 'x', 'x/y', 'x/y/b'])
  const again = await Collection.loadAsync(spec, { pinPath: bpffs.path })
  again.close()
  t.deepEqual(content(), ['a', 'x', 'x/y', 'x/y/b'])
})

kernelTest(
  'a pin that another process put in place of ours is not taken back, nor a directory in use',
  [],
  t => {
    using bpffs = temporaryBpffs()
    using map = BpfMap.create(pinned('a', { pinning: 'none' }))
    const path = `${bpffs.path}/x/y/a`
    const made = pinObject(map.fd, path, 'map a', { parents: true })
    map.unpin(path)
    map.pin(path)
    made[Symbol.dispose]()
    t.deepEqual(readdirSync(bpffs.path, { recursive: true, encoding: 'utf8' }).sort(), ['x', 'x/y', 'x/y/a'])
  },
)
