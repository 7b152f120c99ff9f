/**
 * What stacks come to in a few lines: the functions that take most, and the path where most of it goes.
 *
 * @module
 */

import type { FrameKind, StackCount } from './stack.ts'
import { type StackTree, stackTree } from './tree.ts'

/** A function, with what it stands for. Numbers above 2^53 are rounded. */
export interface FunctionCount {
  readonly name: string
  readonly kind: FrameKind
  /** Source file, or the binary; `''` when it is not known. */
  readonly file: string
  /** Sum of the stacks that end in the function. */
  readonly self: number
  /** Sum of the stacks that have the function in them; a stack counts once, however often it recurs. */
  readonly total: number
}

/** A frame of the hottest path. */
export interface PathStep {
  readonly name: string
  readonly kind: FrameKind
  /** Source file, or the binary; `''` when it is not known. */
  readonly file: string
  /** Sum of the stacks that begin with the path up to here. */
  readonly count: number
}

/** What {@link summarizeStacks} finds. */
export interface StackSummary {
  /** Sum of all counts. */
  readonly total: number
  /** All functions, the one with most of its own first. */
  readonly functions: readonly FunctionCount[]
  /**
   * From the outermost caller to the widest callee, its widest callee and so on, until a function keeps more for itself than
   * any callee takes.
   */
  readonly hottestPath: readonly PathStep[]
}

/**
 * Sums stacks up. Names are safe to show, as in all pictures.
 *
 * @throws RangeError or TypeError when a count or a frame is not one
 */
export function summarizeStacks(stacks: Iterable<StackCount>): StackSummary {
  const tree = stackTree(stacks)
  return { total: tree.total, functions: functionsOf(tree), hottestPath: hottestPathOf(tree) }
}

function functionsOf({ frames, frame, depth, count, self }: StackTree): FunctionCount[] {
  const [selves, totals] = [new Float64Array(frames.length), new Float64Array(frames.length)]
  /** The frames from the root to the node before, and how often each is among them. */
  const path: number[] = []
  const open = new Uint32Array(frames.length)
  for (let node = 0; node < frame.length; node++) {
    while (path.length > depth[node]!) open[path.pop()!]!--
    const each = frame[node]!
    if (open[each] === 0) totals[each]! += count[node]!
    selves[each]! += self[node]!
    open[each]!++
    path.push(each)
  }
  return frames
    .map(({ name, kind, file }, i) => ({ name, kind, file, self: selves[i]!, total: totals[i]! }))
    .filter(({ total }) => total > 0)
    .sort((a, b) => b.self - a.self || b.total - a.total || (a.name < b.name ? -1 : 1))
}

function hottestPathOf({ frames, frame, depth, count, self }: StackTree): PathStep[] {
  const path: PathStep[] = []
  // The widest child stands right behind its parent.
  for (let node = 0; node < frame.length && depth[node] === path.length; node++) {
    if (node > 0 && self[node - 1]! > count[node]!) break
    const { name, kind, file } = frames[frame[node]!]!
    path.push({ name, kind, file, count: count[node]! })
  }
  return path
}
