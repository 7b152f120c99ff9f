/**
 * What the page of a flame graph knows, without the browser: where boxes lie, which one is zoomed, what a search finds.
 *
 * @module
 */

import type { FlameData } from '../../src/charts/flame/data.ts'

/** A box to be drawn. */
export interface Box {
  readonly node: number
  /** 0 is the row of all stacks. */
  readonly row: number
  /** Parts of the width, from 0 to 1. */
  readonly from: number
  readonly to: number
}

/** What a search has found. */
export interface Found {
  /** By node: whether its name matches. */
  readonly matches: (node: number) => boolean
  /** Count of all stacks with a match. */
  readonly count: number
  readonly boxes: number
}

/** A flame graph. Nodes have numbers in the order in which they are drawn; node 0 is all stacks. */
export class FlameModel {
  readonly data: FlameData
  readonly length: number
  /** Rows of the deepest stack, that of all stacks included. */
  readonly rows: number
  readonly #row: Uint32Array
  readonly #start: Float64Array
  readonly #count: Float64Array
  readonly #self: Float64Array
  readonly #parent: Int32Array
  /** The first node behind a node and all above it. */
  readonly #end: Uint32Array
  #zoomed = 0

  constructor(data: FlameData) {
    this.data = data
    const { nodes } = data
    const length = nodes.length / 4 + 1
    this.length = length
    this.#row = new Uint32Array(length)
    this.#start = new Float64Array(length)
    this.#count = new Float64Array(length)
    this.#self = new Float64Array(length)
    this.#parent = new Int32Array(length)
    this.#end = new Uint32Array(length).fill(length)
    this.#count[0] = data.total
    this.#parent[0] = -1
    /** By row: where the next box begins, and the last node. */
    const next = [data.total, 0]
    const last = [0]
    let rows = 1
    for (let node = 1; node < length; node++) {
      const row = nodes[node * 4 - 3]! + 1
      for (const ended of last.splice(row)) this.#end[ended] = node
      last.push(node)
      const start = next[row]!
      this.#row[node] = row
      this.#start[node] = start
      this.#count[node] = nodes[node * 4 - 2]!
      this.#self[node] = nodes[node * 4 - 1]!
      this.#parent[node] = last[row - 1]!
      next[row] = start + this.#count[node]!
      next[row + 1] = start
      rows = Math.max(rows, row + 1)
    }
    this.rows = rows
  }

  get zoomed(): number {
    return this.#zoomed
  }

  /** Makes a node as wide as the picture. */
  zoom(node: number): void {
    this.#zoomed = node
  }

  name(node: number): string {
    return node === 0 ? 'all' : this.#frame(node)[0]
  }

  /** Kind of a node's frame; `undefined` for that of all stacks. */
  kind(node: number): FlameData['kinds'][number] | undefined {
    return node === 0 ? undefined : this.data.kinds[this.#frame(node)[1]]
  }

  /** Where a node's function stands: `file:line`, or what is known of it; `''` for nothing. */
  place(node: number): string {
    if (node === 0) return ''
    const [, , file, line] = this.#frame(node)
    return `${this.data.files[file]!}${line === 0 ? '' : `:${line}`}`
  }

  row(node: number): number {
    return this.#row[node]!
  }

  count(node: number): number {
    return this.#count[node]!
  }

  /** What of a node's count is in no child. */
  self(node: number): number {
    return this.#self[node]!
  }

  /** -1 for that of all stacks. */
  parent(node: number): number {
    return this.#parent[node]!
  }

  /** Whether a node is an ancestor of another, or the node itself. */
  contains(node: number, other: number): boolean {
    return node <= other && other < this.#end[node]!
  }

  /** Where a node lies as the graph is zoomed; ancestors of the zoomed node are as wide as the picture. */
  span(node: number): readonly [from: number, to: number] {
    if (this.contains(node, this.#zoomed)) return [0, 1]
    const [start, count] = [this.#start[this.#zoomed]!, this.#count[this.#zoomed]!]
    const from = (this.#start[node]! - start) / count
    return [from, from + this.#count[node]! / count]
  }

  /**
   * The boxes of some rows.
   *
   * @param least narrowest box, as a part of the width; what is narrower is not visited
   */
  *boxes(firstRow: number, lastRow: number, least: number): Generator<Box> {
    for (let node = 0; node < this.length; ) {
      const row = this.#row[node]!
      if (!this.contains(node, this.#zoomed) && !this.contains(this.#zoomed, node)) {
        node = this.#end[node]!
        continue
      }
      const [from, to] = this.span(node)
      if (row > lastRow || to - from < least) {
        node = this.#end[node]!
        continue
      }
      if (row >= firstRow) yield { node, row, from, to }
      node++
    }
  }

  /** The node at a place as the graph is zoomed; -1 for none. */
  at(row: number, x: number): number {
    let node = 0
    while (node < this.length) {
      const isInside = this.contains(node, this.#zoomed) || this.contains(this.#zoomed, node)
      const [from, to] = isInside ? this.span(node) : [0, 0]
      if (x < from || x >= to || this.#row[node]! > row) node = this.#end[node]!
      else if (this.#row[node] === row) return node
      else node++
    }
    return -1
  }

  /** The widest child; -1 for none. */
  child(node: number): number {
    return node + 1 < this.#end[node]! ? node + 1 : -1
  }

  /** The next node to the right with the same parent, or with -1 that to the left; -1 for none. */
  sibling(node: number, step: 1 | -1): number {
    if (node === 0) return -1
    const end = this.#end[this.#parent[node]!]!
    if (step === 1) return this.#end[node]! < end ? this.#end[node]! : -1
    let before = -1
    for (let each = this.#parent[node]! + 1; each < node; each = this.#end[each]!) before = each
    return before
  }

  /** Finds frames by name or place. A stack counts once, however many of its frames match. */
  search(pattern: RegExp): Found {
    const { frames, files } = this.data
    const byFrame = frames.map(
      ([name, , file]) => pattern.test(name) || (file !== 0 && pattern.test(files[file]!)),
    )
    const matches = (node: number): boolean => node > 0 && byFrame[this.data.nodes[node * 4 - 4]!]!
    let [count, boxes, countedUpTo] = [0, 0, 0]
    for (let node = 1; node < this.length; node++) {
      if (!matches(node)) continue
      boxes++
      if (node < countedUpTo) continue
      count += this.#count[node]!
      countedUpTo = this.#end[node]!
    }
    return { matches, count, boxes }
  }

  #frame(node: number): FlameData['frames'][number] {
    return this.data.frames[this.data.nodes[node * 4 - 4]!]!
  }
}

/**
 * The pattern of a search: a regular expression, which ignores case when it is written in lower case. `undefined` when it is
 * not one.
 */
export function searchPattern(text: string): RegExp | undefined {
  try {
    return new RegExp(text, text === text.toLowerCase() ? 'i' : '')
  } catch {
    return undefined
  }
}
