/**
 * Deduplication: of types that are the same, one stays. What linkers do with the BTF of several objects, and pahole
 * with that of a kernel.
 *
 * Source: libbpf btf.c `btf__dedup`; "BTF deduplication and Linux kernel BTF" by its author.
 *
 * @module
 */

import type { Btf } from '../btf.ts'
import { BtfBuilder } from '../builder.ts'
import { referencesOf, withReferences } from '../references.ts'
import type { BtfKind, BtfType } from '../types.ts'
import { areCompatibleEnums, compareTypes, type Hypothesis } from './equivalence.ts'
import { Shapes } from './shapes.ts'

/** How to deduplicate. */
export interface DedupOptions {
  /** Most steps of comparing types, per type; hostile types could take quadratic time. Default: 1000. */
  maxStepsPerType?: number
}

/** Types without duplicates. */
export interface DedupResult {
  readonly btf: Btf
  /** New id of each type, by its old one. */
  readonly ids: Uint32Array
}

const MAX_STEPS_PER_TYPE = 1000
/** Steps that are free, so that a few types may be large. */
const FREE_STEPS = 1 << 20
const UNKNOWN = -1
const IN_PROGRESS = -2

const PRIMITIVE: readonly BtfKind[] = ['int', 'float', 'fwd']
const ENUM: readonly BtfKind[] = ['enum', 'enum64']
const STRUCT: readonly BtfKind[] = ['struct', 'union']
/** Each variable is one of its own, whatever it is called. */
const UNIQUE: readonly BtfKind[] = ['var', 'datasec']

/**
 * Drops all types but one of those that are the same. Forward declarations become what they declare where that is
 * certain. Of split BTF, types that are in the base are dropped too.
 *
 * @throws ObjectFileError when types refer to themselves without a struct between, one is of an unknown kind, or
 *   comparing takes too long
 */
export function dedupBtf(btf: Btf, options: DedupOptions = {}): DedupResult {
  return new Deduplicator(btf, options).run()
}

/** A type whose references are known. */
function comparable(btf: Btf, id: number): BtfType {
  const type = btf.type(id)
  if (type.kind !== 'unknown') return type
  throw btf.error(`Cannot compare BTF type ${id}: its kind ${type.number} is not known`, id)
}

class Deduplicator {
  readonly firstId: number
  readonly #btf: Btf
  readonly #types: BtfType[]
  readonly #shapes = new Shapes()
  readonly #shapeOf: Uint32Array
  /** What each type is the same as; itself when it is the one that stays. */
  readonly #same: Int32Array
  /** The types that stay, by number of a shape; of enums, by name. */
  readonly #canonical = new Map<number | string, number[]>()
  readonly #maxSteps: number
  #steps = 0

  constructor(btf: Btf, { maxStepsPerType = MAX_STEPS_PER_TYPE }: DedupOptions) {
    this.#btf = btf
    this.firstId = btf.firstId
    this.#types = Array.from({ length: btf.typeCount }, (_, id) => comparable(btf, id))
    this.#shapeOf = new Uint32Array(btf.typeCount)
    this.#same = new Int32Array(btf.typeCount).fill(UNKNOWN)
    this.#maxSteps = FREE_STEPS + maxStepsPerType * btf.typeCount
  }

  run(): DedupResult {
    this.#same[0] = 0
    for (let id = 1; id < this.firstId; id++) this.#addBaseType(id)
    this.#forEachOf([...PRIMITIVE, ...ENUM, ...UNIQUE], id => this.#dedupPrimitive(id))
    this.#forEachOf(STRUCT, id => this.#dedupStruct(id))
    this.#resolveDeclarations()
    for (let id = this.firstId; id < this.#types.length; id++) this.#dedupReferring(id)
    return this.#compact()
  }

  #forEachOf(kinds: readonly BtfKind[], visit: (id: number) => void): void {
    for (let id = this.firstId; id < this.#types.length; id++)
      if (kinds.includes(this.#types[id]!.kind)) visit(id)
  }

  // What compareTypes asks.

  type(id: number): BtfType {
    const type = this.#types[id]
    if (type === undefined) throw this.#btf.error(`BTF type id ${id} does not exist`, 0)
    return type
  }

  shape(id: number): number {
    let shape = this.#shapeOf[id] ?? 0
    if (shape === 0) {
      shape = this.#shapes.of(this.type(id))
      this.#shapeOf[id] = shape
    }
    return shape
  }

  resolve(id: number): number {
    this.type(id)
    for (let next = this.#same[id]!; next >= 0 && next !== id; next = this.#same[id]!) id = next
    return id
  }

  step(): void {
    if (++this.#steps > this.#maxSteps)
      throw this.#btf.error('Comparing the types takes too long (option maxStepsPerType)', 0)
  }

  #candidates(key: number | string): number[] {
    let candidates = this.#canonical.get(key)
    if (candidates === undefined) {
      candidates = []
      this.#canonical.set(key, candidates)
    }
    return candidates
  }

  #stays(id: number, key: number | string): void {
    this.#same[id] = id
    this.#candidates(key).push(id)
  }

  #addBaseType(id: number): void {
    const { kind, name } = this.type(id)
    if (ENUM.includes(kind)) this.#stays(id, name)
    else if (PRIMITIVE.includes(kind) || STRUCT.includes(kind)) this.#stays(id, this.shape(id))
    else if (UNIQUE.includes(kind)) this.#same[id] = id
    else this.#stays(id, this.#keyOf(id, referencesOf(this.type(id))))
  }

  #dedupPrimitive(id: number): void {
    const type = this.type(id)
    if (UNIQUE.includes(type.kind)) this.#same[id] = id
    else if (ENUM.includes(type.kind)) this.#dedupEnum(id, type)
    else {
      const [first] = this.#candidates(this.shape(id))
      if (first === undefined) this.#stays(id, this.shape(id))
      else this.#same[id] = first
    }
  }

  /** A full enum takes the place of its forward declarations, of either size. */
  #dedupEnum(id: number, type: BtfType): void {
    for (const candidate of this.#candidates(type.name)) {
      this.step()
      const other = this.type(candidate)
      if (this.shape(candidate) === this.shape(id)) {
        this.#same[id] = candidate
        return
      }
      if (!areCompatibleEnums(type, other)) continue
      if ('values' in type && type.values.length === 0) {
        this.#same[id] = candidate
        return
      }
      if (candidate >= this.firstId) this.#same[candidate] = id
    }
    this.#stays(id, type.name)
  }

  #dedupStruct(id: number): void {
    // It may have been found while others were compared.
    if (this.#same[id] !== UNKNOWN) return
    for (const candidate of this.#candidates(this.shape(id))) {
      this.step()
      const hypothesis = compareTypes(this, id, candidate)
      if (hypothesis === undefined) continue
      this.#accept(hypothesis)
      this.#same[id] = candidate
      return
    }
    this.#stays(id, this.shape(id))
  }

  /** What else was found to be the same along the way. */
  #accept(hypothesis: Hypothesis): void {
    for (const [canonical, candidate] of hypothesis) {
      const right = this.resolve(canonical)
      const left = this.resolve(candidate)
      const [leftKind, rightKind] = [this.type(left).kind, this.type(right).kind]
      if (STRUCT.includes(leftKind) && rightKind === 'fwd') this.#same[right] = left
      else if (leftKind === 'fwd' && STRUCT.includes(rightKind)) this.#same[left] = right
      else if (STRUCT.includes(leftKind) && this.#same[left] === UNKNOWN && this.#same[right] !== UNKNOWN)
        this.#same[left] = right
    }
  }

  /** Forward declarations that nothing compared: what they declare must be the only struct with that name. */
  #resolveDeclarations(): void {
    const byName = new Map<string, number[]>()
    for (let id = 1; id < this.#types.length; id++) {
      const { kind, name } = this.type(id)
      if (!STRUCT.includes(kind) || name === '' || this.#same[id] !== id) continue
      const same = byName.get(name)
      if (same === undefined) byName.set(name, [id])
      else same.push(id)
    }
    this.#forEachOf(['fwd'], id => {
      const type = this.type(id)
      if (type.kind !== 'fwd' || this.#same[id] !== id) return
      const [only, ...others] = byName.get(type.name) ?? []
      if (only !== undefined && others.length === 0 && this.type(only).kind === type.of) this.#same[id] = only
    })
  }

  /** Types that are the same when what they refer to is; that comes first. */
  #dedupReferring(root: number): void {
    const open = [root]
    for (let id = open.at(-1); id !== undefined; id = open.at(-1)) {
      if (this.#same[id]! >= 0) {
        open.pop()
        continue
      }
      this.#same[id] = IN_PROGRESS
      const references = referencesOf(this.type(id))
      const next = references.find(each => this.#same[each]! < 0)
      if (next === undefined) {
        const key = this.#keyOf(
          id,
          references.map(each => this.resolve(each)),
        )
        const [first] = this.#candidates(key)
        if (first === undefined) this.#stays(id, key)
        else this.#same[id] = first
      } else if (this.#same[next] === IN_PROGRESS) {
        throw this.#btf.error(`BTF type ${id} refers to itself`, id)
      } else {
        open.push(next)
      }
    }
  }

  /** Functions differ by the names of their parameters too. */
  #keyOf(id: number, references: readonly number[]): string {
    const type = this.type(id)
    const names = type.kind === 'func_proto' ? type.params.map(({ name }) => name).join('\0') : ''
    return `${this.#shapes.withIds(this.shape(id), references)} ${names}`
  }

  #compact(): DedupResult {
    const ids = new Uint32Array(this.#types.length)
    for (let id = 0; id < this.firstId; id++) ids[id] = id
    let count = this.firstId
    for (let id = this.firstId; id < this.#types.length; id++) if (this.#same[id] === id) ids[id] = count++
    const { base, byteOrder } = this.#btf
    const builder = new BtfBuilder(base === undefined ? {} : { base })
    const newId = (id: number): number => ids[this.resolve(id)]!
    for (let id = this.firstId; id < this.#types.length; id++) {
      if (this.#same[id] === id) builder.add(withReferences(this.type(id), newId))
    }
    for (let id = this.firstId; id < this.#types.length; id++) ids[id] = newId(id)
    return { btf: this.#btf.reparse(builder.build(byteOrder)), ids }
  }
}
