/**
 * Whether two types, with all that they refer to, are the same: as graphs, which may have cycles.
 *
 * Source: libbpf btf.c `btf_dedup_is_equiv`, `btf_dedup_identical_types`, and the comment above them.
 *
 * @module
 */

import { referencesOf } from '../references.ts'
import type { BtfType } from '../types.ts'

/** Depth to which types that should be one are compared: compilers repeat small ones. */
const IDENTICAL_DEPTH = 16

/** What comparing needs to know of the types. */
export interface TypeGraph {
  /** Decodes a type. */
  type(id: number): BtfType
  /** Number of a type's shape. */
  shape(id: number): number
  /** What a type was found to be the same as; itself when that is nothing. */
  resolve(id: number): number
  /** Ids below it are of a base, and stay as they are. */
  readonly firstId: number
  /** Counts one step; throws when there were too many. */
  step(): void
}

/** Pairs of types that are the same if the compared ones are: candidate by canonical type. */
export type Hypothesis = ReadonlyMap<number, number>

/**
 * Compares a candidate with a canonical type. A forward declaration is the same as what it declares.
 *
 * @returns `undefined` when they differ
 */
export function compareTypes(graph: TypeGraph, candidate: number, canonical: number): Hypothesis | undefined {
  const hypothesis = new Map<number, number>()
  const open: [candidate: number, canonical: number][] = [[candidate, canonical]]
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    graph.step()
    const [left] = pair
    if (graph.resolve(left) === graph.resolve(pair[1])) continue
    const right = declared(graph, pair[1])
    const known = hypothesis.get(right)
    if (known !== undefined) {
      if (known !== left && !areIdentical(graph, known, left, IDENTICAL_DEPTH)) return undefined
      continue
    }
    hypothesis.set(right, left)
    const verdict = compareAlone(graph, left, right)
    if (verdict === 'differ') return undefined
    if (verdict === 'same') continue
    const references = referencesOf(graph.type(right))
    referencesOf(graph.type(left)).forEach((id, index) => {
      open.push([id, references[index]!])
    })
  }
  return hypothesis
}

/** What a forward declaration was found to declare. */
function declared(graph: TypeGraph, id: number): number {
  if (graph.type(id).kind !== 'fwd') return id
  const resolved = graph.resolve(id)
  return graph.type(resolved).kind === 'fwd' ? id : resolved
}

/** Compares two types but for what they refer to; `'same'` when that is nothing, or of no matter. */
function compareAlone(
  graph: TypeGraph,
  left: number,
  right: number,
): 'differ' | 'same' | 'compare references' {
  const leftType = graph.type(left)
  const rightType = graph.type(right)
  if (leftType.name !== rightType.name) return 'differ'
  if (leftType.kind === 'fwd' && rightType.kind !== 'fwd')
    return leftType.of === rightType.kind ? 'same' : 'differ'
  if (rightType.kind === 'fwd' && leftType.kind !== 'fwd') {
    // A base keeps its declarations, so this would be neither of the two.
    return rightType.of === leftType.kind && right >= graph.firstId ? 'same' : 'differ'
  }
  if (areCompatibleEnums(leftType, rightType)) return 'same'
  return graph.shape(left) === graph.shape(right) ? 'compare references' : 'differ'
}

/** Whether two enums have one name and at least one of them has no values, as a forward declaration. */
export function areCompatibleEnums(left: BtfType, right: BtfType): boolean {
  return (
    isEnum(left) &&
    isEnum(right) &&
    left.name === right.name &&
    (left.values.length === 0 || right.values.length === 0)
  )
}

function isEnum(type: BtfType): type is Extract<BtfType, { kind: 'enum' | 'enum64' }> {
  return type.kind === 'enum' || type.kind === 'enum64'
}

/** Whether two types are the same down to a depth: compilers may emit a type twice within one graph. */
function areIdentical(graph: TypeGraph, first: number, second: number, depth: number): boolean {
  graph.step()
  const [left, right] = [graph.resolve(first), graph.resolve(second)]
  if (left === right) return true
  if (depth === 0 || graph.shape(left) !== graph.shape(right)) return false
  const references = referencesOf(graph.type(right))
  return referencesOf(graph.type(left)).every((id, index) =>
    areIdentical(graph, id, references[index]!, depth - 1),
  )
}
