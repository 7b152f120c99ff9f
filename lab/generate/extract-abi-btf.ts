/**
 * Writes `test/btf/abi.btf`: the types that `src/abi/generated` is made from, and no others, of one kernel.
 *
 *     node build/lab/generate/extract-abi-btf.js [FILE]
 *
 * FILE is raw BTF (`/sys/kernel/btf/vmlinux`), a vmlinux or a compressed vmlinuz; default: the newest kernel of the
 * matrix in `lab/vm/kernels.ts`, which is fetched.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { Btf } from '../../src/btf/btf.ts'
import { BtfBuilder } from '../../src/btf/builder.ts'
import type { BtfStruct, BtfType } from '../../src/btf/types.ts'
import { kernels, prepareKernel } from '../vm/kernels.ts'
import { ABI_BTF, ENUMS, isFlagEnum, STRUCTS } from './main.ts'

/** Magic number, version 1, no flags: how BTF begins. The lengths that follow are checked. */
const BTF_START = Buffer.from([0x9f, 0xeb, 1, 0])

/** What compressed kernels are made of, and the programs that read it. */
const COMPRESSIONS = [
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), command: 'zstd' },
  { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), command: 'xz' },
  { magic: Buffer.from([0x1f, 0x8b, 8]), command: 'gzip' },
] as const

/** Finds the BTF in a kernel image, compressed or not. */
function kernelImageBtf(image: Buffer): Btf {
  const plain = findBtf(image)
  if (plain !== undefined) return plain
  for (const { magic, command } of COMPRESSIONS) {
    for (const at of occurrences(image, magic)) {
      // What follows the compressed kernel makes these programs complain; what they wrote before that is whole.
      const { stdout } = spawnSync(command, ['-dc'], {
        input: image.subarray(at),
        maxBuffer: 1 << 29,
        stdio: ['pipe', 'pipe', 'ignore'],
      })
      const btf = stdout === null ? undefined : findBtf(stdout)
      if (btf !== undefined) return btf
    }
  }
  throw new Error('The file holds no BTF')
}

function findBtf(bytes: Buffer): Btf | undefined {
  for (const at of occurrences(bytes, BTF_START)) {
    if (at + 24 > bytes.length) continue
    const [headerLength, types, typesLength, strings, stringsLength] = [4, 8, 12, 16, 20].map(field =>
      bytes.readUInt32LE(at + field),
    ) as [number, number, number, number, number]
    if (headerLength < 24 || headerLength > 64 || types !== 0 || strings < typesLength) continue
    // The kernel's is by far the largest; its code holds the magic number too.
    if (typesLength < 1024 || at + headerLength + strings + stringsLength > bytes.length) continue
    return Btf.parse(bytes.subarray(at, at + headerLength + strings + stringsLength))
  }
  return undefined
}

function* occurrences(bytes: Buffer, what: Buffer): Generator<number> {
  for (let at = bytes.indexOf(what); at >= 0; at = bytes.indexOf(what, at + 1)) yield at
}

/** Copies the types of the generator. What pointers point to is left out: layouts do not depend on it. */
function extract(kernel: Btf): Uint8Array {
  const builder = new BtfBuilder()
  const copies = new Map<number, number>([[0, 0]])

  const copy = (id: number): number => {
    const known = copies.get(id)
    if (known !== undefined) return known
    const added = builder.add(withCopies(kernel.type(id)))
    copies.set(id, added)
    return added
  }
  const withCopies = (type: BtfType): BtfType => {
    switch (type.kind) {
      case 'struct':
      case 'union':
        return { ...type, members: copyMembers(type) }
      case 'array':
        return { ...type, type: copy(type.type), indexType: copy(type.indexType) }
      case 'ptr':
        return { ...type, type: 0 }
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        return { ...type, type: copy(type.type) }
      default:
        return type
    }
  }
  const copyMembers = (struct: BtfStruct): BtfStruct['members'] =>
    struct.members.map(member => ({ ...member, type: copy(member.type) }))

  for (const [, , name] of ENUMS) copy(wanted(kernel, name, 'enum', 'enum64'))
  for (const [, name] of STRUCTS) copy(wanted(kernel, name, 'struct', 'union'))
  copy(wanted(kernel, 'bpf_attr', 'union'))
  kernel.forEachId(id => {
    if (isFlagEnum(kernel, id)) copy(id)
  })
  return builder.build('little')
}

function wanted(kernel: Btf, name: string, ...kinds: ('enum' | 'enum64' | 'struct' | 'union')[]): number {
  const id = kernel.find(name, ...kinds)
  if (id === undefined) throw new Error(`The kernel's BTF has no ${kinds.join(' or ')} ${name}`)
  return id
}

function newestKernel(): string {
  const newest = kernels.find(({ name }) => name === 'newest')
  if (newest === undefined) throw new Error('The matrix has no newest kernel')
  const { image, release } = prepareKernel(newest)
  console.log(`Linux ${release}`)
  return image
}

const bytes = extract(kernelImageBtf(readFileSync(process.argv[2] ?? newestKernel())))
writeFileSync(ABI_BTF, bytes)
console.log(
  `${ABI_BTF}: ${bytes.length} bytes, ${Btf.parse(bytes).typeCount} types; now run npm run generate`,
)
