/**
 * Several links that are held as one.
 *
 * @module
 */

import { closedError, NotSupportedError } from '../base/errors.ts'
import type { LinkInfo } from './info.ts'
import { Link, type LinkUpdateOptions, type Replacement } from './link.ts'

/** Links of one program to several targets, where the kernel has no single link for them. */
export class LinkGroup extends Link {
  /** The links, in the order of the targets. */
  readonly links: readonly Link[]
  #closed = false

  /** Takes over the links: closing the group closes them. */
  constructor(links: readonly Link[]) {
    super()
    this.links = links
  }

  /** Descriptor of the first link. */
  get fd(): number {
    const [first] = this.links
    if (this.#closed || first === undefined) throw closedError('Group of links')
    return first.fd
  }

  get closed(): boolean {
    return this.#closed
  }

  /** A group is nothing that the kernel knows of: ask its `links`. */
  info(): LinkInfo {
    throw new NotSupportedError('Info of a group of links', undefined, { hint: 'ask each of its links' })
  }

  update(program: Replacement, options?: LinkUpdateOptions): void {
    for (const link of this.links) link.update(program, options)
  }

  detach(): void {
    for (const link of this.links) link.detach()
  }

  pin(): void {
    throw new NotSupportedError('Pinning a group of links', undefined, { hint: 'pin each of its links' })
  }

  /** Closes all links, the latest first; goes on past errors and throws the first. */
  close(): void {
    this.#closed = true
    const errors: unknown[] = []
    for (const link of this.links.toReversed()) {
      try {
        link.close()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }
}
