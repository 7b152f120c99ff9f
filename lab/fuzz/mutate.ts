/**
 * Damage: an input is a seed with some of its numbers changed, or with parts of it or of others out of place.
 *
 * @module
 */

import { withSections } from '../../test/support/elf/many-sections.ts'
import { Random } from './random.ts'
import type { Field, InputKind, Seed } from './seeds.ts'

/** What is read. */
export interface Input {
  /** Name of the seed. */
  readonly name: string
  readonly kind: InputKind
  readonly bytes: Uint8Array
  /** Of kind `'ext'`: where the BTF ends. */
  readonly split: number
}

/** Most places that are damaged in one input. */
const MAX_DAMAGES = 6

/** Numbers that programs get wrong. */
const EXTREMES: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  4n,
  7n,
  8n,
  0x10n,
  0x18n,
  0x1fn,
  0x20n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0x8000n,
  0xfeffn,
  0xff00n,
  0xfff1n,
  0xffffn,
  0x10000n,
  0xff_ffffn,
  1n << 30n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  1n << 32n,
  (1n << 53n) - 1n,
  1n << 53n,
  1n << 63n,
  (1n << 64n) - 1n,
]

/** Names that mean something to JavaScript, to a file system or to libbpf. */
const NAMES: readonly string[] = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'toString',
  'length',
  '..',
  '.',
  '/',
  '../x',
  '',
  'values',
  'type',
  'pinning',
  '.maps',
  '.bss',
  '.ksyms',
  '.kconfig',
  'maps/x',
  'a___b',
  '\u{1f41d}',
  // What terminals and lines of text take for more than a name.
  '\u001b[2J\u001b]0;x\u0007',
  'a\u009bb',
  'a\rb\nc',
  '\u202ex',
  'Pair<u32, u32>',
]

/** One in so many objects gets more sections than its header can count. */
const MANY_SECTIONS = 4000
/** How many are added. */
const SECTIONS = 70_000

/** An input of a run, which `seed` and `number` determine. */
export function makeInput(seeds: readonly Seed[], seed: number, number: number): Input {
  const random = new Random(seed, number)
  const origin = random.pick(seeds)
  const isLarge = origin.kind === 'object' && origin.byteOrder === 'little' && random.once(MANY_SECTIONS)
  const whole = isLarge ? withSections(origin.bytes, SECTIONS) : new Uint8Array(origin.bytes)
  const state: Damage = { random, origin, seeds, bytes: whole }
  for (let left = 1 + random.below(random.once(2) ? 1 : MAX_DAMAGES); left > 0; left--) damage(state)
  const { name, kind } = origin
  const { bytes } = state
  return { name, kind, bytes, split: Math.min(origin.split, bytes.length) }
}

/** An input in the making. */
interface Damage {
  readonly random: Random
  readonly origin: Seed
  readonly seeds: readonly Seed[]
  bytes: Uint8Array
}

/** Damages of the whole; what only changes a number is chosen far more often. */
const WHOLE: readonly ((state: Damage) => void)[] = [truncate, grow, splice, repeat, fill, rename, rename]

function damage(state: Damage): void {
  if (state.random.once(4)) state.random.pick(WHOLE)(state)
  else changeNumber(state)
}

function changeNumber({ random, origin, bytes }: Damage): void {
  const group = random.pick(origin.groups)
  const { at, width } = random.pick(group)
  if (at + width > bytes.length) return
  const view = new DataView(bytes.buffer)
  const little = origin.byteOrder === 'little'
  const old = read(view, { at, width }, little)
  write(
    view,
    { at, width },
    little,
    newNumber(random, old, bytes.length, () => {
      const other = random.pick(group)
      return other.at + other.width > bytes.length ? 0n : read(view, other, little)
    }),
  )
}

function newNumber(random: Random, old: bigint, size: number, another: () => bigint): bigint {
  switch (random.below(7)) {
    case 0:
      return random.pick(EXTREMES)
    case 1:
      return old + BigInt(random.below(33) - 16)
    case 2:
      return old ^ (1n << BigInt(random.below(64)))
    case 3:
      return (BigInt(random.next()) << 32n) | BigInt(random.next())
    case 4:
      return BigInt(random.below(64))
    case 5:
      return BigInt(size + random.below(3) - 1)
    default:
      return another()
  }
}

function read(view: DataView, { at, width }: Field, little: boolean): bigint {
  if (width === 8) return view.getBigUint64(at, little)
  return BigInt(
    width === 4 ? view.getUint32(at, little) : width === 2 ? view.getUint16(at, little) : view.getUint8(at),
  )
}

/** Writes the low bits of a number. */
function write(view: DataView, { at, width }: Field, little: boolean, value: bigint): void {
  if (width === 8) view.setBigUint64(at, BigInt.asUintN(64, value), little)
  else if (width === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), little)
  else if (width === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), little)
  else view.setUint8(at, Number(BigInt.asUintN(8, value)))
}

function truncate(state: Damage): void {
  const { random, bytes } = state
  state.bytes = bytes.slice(0, random.below(bytes.length + 1))
}

/** Room behind the end, which damaged offsets may then point to. */
function grow(state: Damage): void {
  const { random, bytes } = state
  const grown = new Uint8Array(bytes.length + 8 * random.below(512))
  grown.set(bytes)
  const part = random.below(bytes.length)
  grown.set(bytes.subarray(part, part + grown.length - bytes.length), bytes.length)
  state.bytes = grown
}

/** A part of any seed over a part of this one. */
function splice({ random, seeds, bytes }: Damage): void {
  const { bytes: other } = random.pick(seeds)
  const length = aligned(random, Math.min(other.length, bytes.length, random.once(2) ? 64 : 4096))
  const part = aligned(random, other.length - length)
  bytes.set(other.subarray(part, part + length), aligned(random, bytes.length - length))
}

/** One record over the records behind it. */
function repeat({ random, bytes }: Damage): void {
  const length = random.pick([4, 8, 12, 16, 24, 64])
  const start = aligned(random, bytes.length)
  const end = Math.min(start + length * (1 + random.below(64)), bytes.length)
  for (let at = start + length; at < end; at++) bytes[at] = bytes[at - length]!
}

function fill({ random, bytes }: Damage): void {
  const start = random.below(bytes.length)
  bytes.fill(random.pick([0, 1, 0x41, 0xff]), start, start + random.below(256))
}

/** Another name in the place of one, cut where the next begins or not. */
function rename({ random, origin, bytes }: Damage): void {
  if (origin.strings.length === 0) return
  const [start, end] = random.pick(origin.strings)
  const any = start + random.below(end - start)
  const at = bytes.indexOf(0, any) + 1
  const text = Buffer.from(`${random.pick(NAMES)}${random.once(4) ? '' : '\0'}`)
  if (at > 0 && at + text.length <= bytes.length) bytes.set(text, at)
}

/** A place in what is made of records. */
function aligned(random: Random, end: number): number {
  return random.below(Math.max(1, Math.floor(end / 4))) * 4
}
