/**
 * What the page of a flame graph is given: the tree, and the texts around it, as JSON.
 *
 * @module
 */

import { FRAME_KINDS, type FrameKind, type StackUnit } from '../stacks/stack.ts'
import { leastCountFor, prunedTree, type StackTree } from '../stacks/tree.ts'
import type { FlameGraphSettings } from './options.ts'

/** A flame graph for the viewer. */
export interface FlameData {
  readonly title: string
  readonly unit: StackUnit
  readonly inverted: boolean
  readonly orientation: 'flame' | 'icicle'
  readonly notes: readonly string[]
  readonly total: number
  readonly kinds: readonly FrameKind[]
  /** Source files, and binaries: `''` first. */
  readonly files: readonly string[]
  /** For each frame: its name, the number of its kind, of its file, and its line (0 when not known). */
  readonly frames: readonly (readonly [name: string, kind: number, file: number, line: number])[]
  /** For each node, in the order in which it is drawn: frame, depth from 0, count, and what is in no child. */
  readonly nodes: readonly number[]
  /** Nodes that were left out, and the greatest count among them. */
  readonly hidden: { readonly nodes: number; readonly greatest: number }
}

/**
 * The data of a tree.
 *
 * @param maxNodes nodes that are kept at most; the narrowest are left out
 */
export function flameData(tree: StackTree, settings: FlameGraphSettings, maxNodes: number): FlameData {
  const least = leastCountFor(tree, maxNodes)
  const kept = prunedTree(tree, least)
  const numbers = new Map<number, number>()
  const files = new Map([['', 0]])
  const frames: [string, number, number, number][] = []
  const nodes: number[] = []
  for (let i = 0; i < kept.count.length; i++) {
    const original = kept.frame[i]!
    let number = numbers.get(original)
    if (number === undefined) {
      const { name, kind, file, line } = kept.frames[original]!
      if (!files.has(file)) files.set(file, files.size)
      number = frames.push([name, FRAME_KINDS.indexOf(kind), files.get(file)!, line]) - 1
      numbers.set(original, number)
    }
    nodes.push(number, kept.depth[i]!, kept.count[i]!, kept.self[i]!)
  }
  return {
    ...settings,
    total: tree.total,
    kinds: FRAME_KINDS,
    files: [...files.keys()],
    frames,
    nodes,
    hidden: {
      nodes: tree.count.length - kept.count.length,
      greatest: tree.count.reduce((most, count) => (count < least ? Math.max(most, count) : most), 0),
    },
  }
}
