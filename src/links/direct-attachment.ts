/**
 * Programs that are attached without a link of the kernel: by an ioctl, by `BPF_PROG_ATTACH`, by the value of a map.
 *
 * Such an attachment has no id and no info of its own, and no list has it. It cannot be pinned: it ends with the
 * process where the kernel has it hang on a descriptor, and stays for good where it does not.
 *
 * @module
 */

import type { LinkType } from '../abi/generated/enums.ts'
import { type BpfError, closedError, NotSupportedError } from '../base/errors.ts'
import type { LinkInfo } from './info.ts'
import { Link, type LinkUpdateOptions, type Replacement } from './link.ts'
import { type LinkAbilities, linkAbilities } from './link-types.ts'

/** What a program is attached to: a perf event, a map, a cgroup. */
export interface AttachmentTarget {
  readonly fd: number
  readonly closed: boolean
  close(): void
}

/** What is known of an attachment. */
export interface DirectAttachmentFacts {
  /** Names it in messages: `'an attachment to a perf event'`. */
  readonly what: string
  /** The type of link that does more. */
  readonly linkType: LinkType
  /** How to get such a link: `'links of perf events need Linux 5.15'`. */
  readonly hint: string
  /** What is disposed of after the target is closed, such as the probe's line in tracefs. */
  readonly held?: readonly Disposable[]
}

/** A program that is attached without a link of the kernel. */
export abstract class DirectAttachment extends Link {
  readonly #target: AttachmentTarget
  readonly #facts: DirectAttachmentFacts

  /** Takes over the target: closing the attachment closes it. */
  constructor(target: AttachmentTarget, facts: DirectAttachmentFacts) {
    super()
    this.#target = target
    this.#facts = facts
  }

  /** Descriptor of what the program is attached to. */
  get fd(): number {
    return this.#target.fd
  }

  get closed(): boolean {
    return this.#target.closed
  }

  info(): LinkInfo {
    throw this.#refusal('Info of')
  }

  update(_program: Replacement, _options?: LinkUpdateOptions): void {
    throw this.#refuseChange('updates', 'Updating')
  }

  detach(): void {
    throw this.#refuseChange('detaches', 'Detaching')
  }

  pin(): void {
    throw this.#refusal('Pinning')
  }

  close(): void {
    if (this.closed) return
    try {
      this.release()
    } finally {
      this.#target.close()
      for (const each of this.#facts.held ?? []) each[Symbol.dispose]()
    }
  }

  /** Detaches the program before the target is closed, where closing alone does not. */
  protected release(): void {}

  /** A link helps only if those of its type can do it. */
  #refuseChange(ability: keyof LinkAbilities, action: string): BpfError {
    return linkAbilities[this.#facts.linkType][ability]
      ? this.#refusal(action)
      : this.#refusal(action, 'close it, and attach the program anew')
  }

  #refusal(action: string, hint: string = this.#facts.hint): BpfError {
    const { what } = this.#facts
    if (this.closed) return closedError(what)
    return new NotSupportedError(`${action} ${what}`, undefined, { hint })
  }
}
