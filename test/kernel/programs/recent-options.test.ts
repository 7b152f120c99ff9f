import { createHash } from 'node:crypto'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { mov } from '../../../src/asm/alu.ts'
import { loadMap, loadMapValue } from '../../../src/asm/calls.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1, r2 } from '../../../src/asm/registers.ts'
import { u32 } from '../../../src/base/codecs.ts'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { contentsHash } from '../../../src/maps/info.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import type { ProgramSignature } from '../../../src/programs/load-options.ts'
import { programHash } from '../../../src/programs/passes/program-hash.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { objectWith } from '../../support/objects.ts'
import { lacking, since } from '../../support/programs/features.ts'
import { keyringWithKey, signature, signedCode } from '../../support/programs/signature.ts'

const array: MapSpec = { name: 'array', type: 'array', keySize: 4, valueSize: 4, maxEntries: 3 }
const nothing: ProgramSpec = { name: 'nothing', type: 'socket_filter', instructions: [mov(r0, 0), exit()] }
const { exclusiveMaps, mapsAtLoad, programSignatures } = features
const hashes = since(featureSince.mapHash, 'The hash of a map')

/** Refers to map `array` in both ways, and returns a number. */
function user(result: number): ProgramSpec {
  const instructions = [loadMap(r1, 'array'), loadMapValue(r2, 'array', 2), mov(r0, result), exit()]
  return { name: 'user', type: 'socket_filter', instructions }
}

kernelTest('a map is of one program alone, whose tag is the beginning of its hash', [exclusiveMaps], t => {
  const hash = programHash(user(1))
  using map = BpfMap.create({ ...array, maxEntries: 1 }, { exclusiveProgramHash: hash })
  const maps = (): BpfMap => map as BpfMap
  using own = Program.load(user(1), { maps })
  t.is(own.info().tag, Buffer.from(hash.subarray(0, 8)).toString('hex'))
  const other = t.throws(() => Program.load(user(2), { maps }), { instanceOf: BpfError, code: 'EACCES' })
  t.regex(other.message, /program's hash doesn't match map's excl_prog_hash/)
})

kernelTest('a map of a collection is of the program that its spec names', [exclusiveMaps], t => {
  const load = (programs: string[], name: string): void => {
    const spec = objectWith('statics', programs)
    spec.maps.get('.data').exclusiveProgram = name
    Collection.load(spec).close()
  }
  load(['change'], 'change')
  t.throws(() => load(['change', 'sum'], 'change'), { instanceOf: BpfError, code: 'EACCES' })
  t.throws(() => load(['change', 'sum'], 'chang'), {
    code: 'ERR_INVALID_SPEC',
    message: /^Cannot create map \.data: it is for program "chang" alone, which is not loaded.*change/,
  })
  t.throws(() => BpfMap.create({ ...array, exclusiveProgram: 'change' }), { code: 'ERR_INVALID_SPEC' })
})

kernelTest('a kernel without maps of one program says so', [lacking(exclusiveMaps)], t => {
  t.throws(() => BpfMap.create(array, { exclusiveProgramHash: new Uint8Array(32) }), {
    instanceOf: NotSupportedError,
    message: /^Cannot create map array: A map for one program .*6\.18/,
  })
})

kernelTest('the hash of a frozen array is that of its values', [hashes], t => {
  using map = BpfMap.create(array).typed(u32, u32)
  for (const key of [0, 1, 2]) map.set(key, 7 + key)
  t.throws(() => contentsHash(map), { instanceOf: BpfError, code: 'EPERM' })
  map.freeze()
  const padded = new BigUint64Array([7n, 8n, 9n])
  t.deepEqual(Buffer.from(contentsHash(map)), createHash('sha256').update(padded).digest())
  using hash = BpfMap.create({ ...array, type: 'hash' })
  t.throws(() => contentsHash(hash), { instanceOf: BpfError, code: 'EINVAL' })
})

kernelTest('a kernel without hashes of maps says so', [lacking(hashes)], t => {
  using map = BpfMap.create(array)
  t.throws(() => contentsHash(map), { instanceOf: NotSupportedError, message: /6\.18/ })
})

kernelTest('maps are bound to a program as it is loaded', [mapsAtLoad], async t => {
  using a = BpfMap.create(array)
  using b = BpfMap.create(array)
  using program = Program.load(nothing, { boundMaps: [a, b] })
  t.deepEqual(new Set(program.info().mapIds), new Set([a.id, b.id]))
  using later = await Program.loadAsync(nothing, { boundMaps: [b] })
  t.deepEqual(later.info().mapIds, [b.id])
  t.throws(() => Program.load(nothing, { boundMaps: [program] }), { instanceOf: BpfError, code: 'EINVAL' })
})

kernelTest('a kernel that binds no maps as it loads says so', [lacking(mapsAtLoad)], t => {
  using map = BpfMap.create(array)
  t.throws(() => Program.load(nothing, { boundMaps: [map] }), {
    instanceOf: NotSupportedError,
    message: /^Cannot load program nothing: Binding maps to a program .*6\.14/,
  })
})

kernelTest('what is not a signature is refused, by a kernel that knows none with the reason', [], t => {
  const load = (keyring: ProgramSignature['keyring']): void =>
    Program.load(nothing, { signature: { pkcs7: new Uint8Array(100), keyring: keyring! } }).close()
  const error = t.throws(() => load('builtin'), { instanceOf: BpfError })
  t.is(error instanceof NotSupportedError, programSignatures.probe() === 'no', error.message)
  t.throws(() => load('somewhere' as 'builtin'), { instanceOf: RangeError, message: /Unknown keyring/ })
})

kernelTest(
  'a signed program is loaded by the keyring with its key, and another is not',
  [programSignatures],
  t => {
    const keyring = keyringWithKey()
    const signed: ProgramSpec = { ...nothing, instructions: [...signedCode] }
    Program.load(signed, { signature: { pkcs7: signature, keyring } }).close()
    const changed: ProgramSpec = { ...nothing, instructions: [mov(r0, 1), exit()] }
    const refusal = { instanceOf: BpfError, code: 'EKEYREJECTED' } as const
    t.throws(() => Program.load(changed, { signature: { pkcs7: signature, keyring } }), refusal)
    const unknown = t.throws(() => Program.load(signed, { signature: { pkcs7: signature } }))
    t.false(unknown instanceof NotSupportedError)
  },
)
