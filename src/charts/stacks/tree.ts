/**
 * The tree of all stacks: what begins with the same frames is one branch, whose width is the sum of its counts.
 *
 * @module
 */

import { FrameTable, type PlainFrame, type StackCount, weightOf } from './stack.ts'

/** A tree in the order in which it is drawn: each node before its children, the widest child first. */
export interface StackTree {
  readonly frames: readonly PlainFrame[]
  /** Sum of all counts. */
  readonly total: number
  /** For each node: its frame, how deep it lies (from 0), its count, and what of it is in no child. */
  readonly frame: Uint32Array
  readonly depth: Uint32Array
  readonly count: Float64Array
  readonly self: Float64Array
}

/**
 * Puts stacks together.
 *
 * @param inverted whether the function that ran is at the root, with its callers above
 * @throws RangeError or TypeError when a count or a frame is not one
 */
export function stackTree(stacks: Iterable<StackCount>, inverted = false): StackTree {
  const table = new FrameTable(false)
  const nodes = new Nodes()
  let total = 0
  for (const stack of stacks) {
    const weight = weightOf(stack)
    const numbers = table.stack(stack)
    if (weight === 0) continue
    total += weight
    if (inverted) numbers.reverse()
    let node = -1
    for (const each of numbers) {
      node = nodes.child(node, each)
      nodes.count[node]! += weight
    }
    nodes.self[node]! += weight
  }
  return { frames: table.frames, total, ...nodes.inOrder(table.frames) }
}

/**
 * The nodes that count at least so much. A parent counts as much as its children, so what is left is a tree.
 *
 * @param least least count of a node
 */
export function prunedTree(tree: StackTree, least: number): StackTree {
  const kept: number[] = []
  for (let i = 0; i < tree.count.length; i++) if (tree.count[i]! >= least) kept.push(i)
  const pick = <A extends Uint32Array | Float64Array>(array: A, picked: A): A => {
    for (const [i, node] of kept.entries()) picked[i] = array[node]!
    return picked
  }
  return {
    frames: tree.frames,
    total: tree.total,
    frame: pick(tree.frame, new Uint32Array(kept.length)),
    depth: pick(tree.depth, new Uint32Array(kept.length)),
    count: pick(tree.count, new Float64Array(kept.length)),
    self: pick(tree.self, new Float64Array(kept.length)),
  }
}

/** The least count that no more than `most` nodes reach. */
export function leastCountFor(tree: StackTree, most: number): number {
  if (tree.count.length <= most) return 0
  const counts = tree.count.toSorted()
  // The first count that the nodes beyond have not.
  const beyond = counts[counts.length - 1 - most]!
  return counts.find(count => count > beyond) ?? Number.POSITIVE_INFINITY
}

/** Nodes in the order in which they are met. */
class Nodes {
  readonly count: number[] = []
  readonly self: number[] = []
  readonly #frame: number[] = []
  readonly #parent: number[] = []
  /** By frame for the roots, and for each node with children; most nodes have one child, which stands in `#only`. */
  readonly #children = new Map<number, Map<number, number>>()
  readonly #only: number[] = []

  /** The child of a node with a frame; -1 is above all roots. */
  child(parent: number, frame: number): number {
    const only = parent < 0 ? -1 : this.#only[parent]!
    if (only >= 0 && this.#frame[only] === frame) return only
    let children = this.#children.get(parent)
    const known = children?.get(frame)
    if (known !== undefined) return known
    const node = this.#frame.push(frame) - 1
    this.#parent.push(parent)
    this.#only.push(-1)
    this.count.push(0)
    this.self.push(0)
    if (parent >= 0 && only < 0) this.#only[parent] = node
    else {
      if (children === undefined) {
        children = new Map()
        this.#children.set(parent, children)
      }
      children.set(frame, node)
    }
    return node
  }

  /** The nodes as arrays: each before its children, the widest child first, names decide between equals. */
  inOrder(frames: readonly PlainFrame[]): Pick<StackTree, 'frame' | 'depth' | 'count' | 'self'> {
    const { length } = this.count
    const [frame, depth] = [new Uint32Array(length), new Uint32Array(length)]
    const [count, self] = [new Float64Array(length), new Float64Array(length)]
    const depths = new Uint32Array(length)
    const narrowFirst = (a: number, b: number): number =>
      this.count[a]! - this.count[b]! || compare(this.#nameOf(b, frames), this.#nameOf(a, frames))
    // A stack of what is still to do: its end comes next.
    const open = [...(this.#children.get(-1)?.values() ?? [])].sort(narrowFirst)
    for (let at = 0; at < length; at++) {
      const node = open.pop()!
      frame[at] = this.#frame[node]!
      depth[at] = depths[node]!
      count[at] = this.count[node]!
      self[at] = this.self[node]!
      const only = this.#only[node]!
      if (only < 0) continue
      const more = this.#children.get(node)
      const children = more === undefined ? [only] : [only, ...more.values()].sort(narrowFirst)
      for (const child of children) {
        depths[child] = depth[at]! + 1
        open.push(child)
      }
    }
    return { frame, depth, count, self }
  }

  #nameOf(node: number, frames: readonly PlainFrame[]): string {
    return frames[this.#frame[node]!]!.name
  }
}

/** By code units: the same on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
