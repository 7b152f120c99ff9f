/**
 * Attaching the programs of a collection by their section names, and its `struct_ops` maps.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import { attachBySection } from '../links/by-section.ts'
import type { AttachPlaces, PlaceName } from '../links/hooks/definition.ts'
import type { Link } from '../links/link.ts'
import type { BpfMap } from '../maps/map.ts'
import type { Program } from '../programs/program.ts'
import { Cleanup } from './cleanup.ts'

/** How to attach a collection: places for all programs whose hooks need one, and what to do about failures. */
export interface AttachOptions extends AttachPlaces {
  /**
   * What to do with a program that cannot be attached: `'throw'` detaches the others again and throws;
   * `'collect'` goes on, and reports it in `skipped`. Default: `'throw'`.
   */
  onError?: 'throw' | 'collect'
}

/** A program that was attached. */
export interface AttachedProgram {
  readonly program: Program
  readonly link: Link
  /** What it was attached to, in words: `'raw tracepoint sched_switch'`. */
  readonly target: string
}

/** A program that was not attached, and why. */
export interface SkippedProgram {
  readonly program: Program
  readonly reason: BpfError
  /** The option of `attach()` that its hook needs and that was not given; absent when the reason is another. */
  readonly needs?: PlaceName
}

/** A `struct_ops` map whose programs were attached. */
export interface AttachedMap {
  readonly map: BpfMap<unknown, unknown>
  readonly link: Link
}

/** A `struct_ops` map whose programs were not attached, and why. */
export interface SkippedMap {
  readonly map: BpfMap<unknown, unknown>
  readonly reason: BpfError
}

/** A `struct_ops` map of a collection. */
export interface AttachableMap {
  readonly map: BpfMap<unknown, unknown>
  /** The programs that it names. */
  readonly programs: readonly string[]
  attach(): Link
}

/** The attachments of a collection; closing it detaches everything. */
export class Attachments implements Disposable, Iterable<Link> {
  /** What is attached, in the order of the collection. */
  readonly programs: readonly AttachedProgram[]
  /**
   * What is not: programs whose hook needs more than the section name and `AttachOptions` say, or that this version
   * cannot attach to, and with `onError: 'collect'` those that failed.
   */
  readonly skipped: readonly SkippedProgram[]
  /** The `struct_ops` maps that are attached, with all programs that they name. */
  readonly maps: readonly AttachedMap[]
  /** With `onError: 'collect'`, the `struct_ops` maps that failed. */
  readonly skippedMaps: readonly SkippedMap[]

  /** @internal */
  constructor(
    programs: readonly AttachedProgram[],
    skipped: readonly SkippedProgram[],
    maps: readonly AttachedMap[],
    skippedMaps: readonly SkippedMap[],
  ) {
    this.programs = programs
    this.skipped = skipped
    this.maps = maps
    this.skippedMaps = skippedMaps
  }

  *[Symbol.iterator](): Iterator<Link> {
    for (const { link } of [...this.programs, ...this.maps]) yield link
  }

  /** Detaches everything, in reverse order. */
  close(): void {
    using cleanup = new Cleanup()
    for (const link of this) cleanup.add(link)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** Attaches programs by their section names, then `struct_ops` maps. */
export function attachAll(
  programs: Iterable<Program>,
  maps: readonly AttachableMap[],
  options: AttachOptions,
): Attachments {
  using cleanup = new Cleanup()
  const links: AttachedProgram[] = []
  const skipped: SkippedProgram[] = []
  const attempt = (attach: () => void, skip: (reason: BpfError) => void): void => {
    try {
      attach()
    } catch (error) {
      if (options.onError !== 'collect' || !(error instanceof BpfError)) throw error
      skip(error)
    }
  }
  const named = new Set(maps.flatMap(each => each.programs))
  for (const program of programs) {
    // These are reported with their map.
    if (program.type === 'struct_ops' && named.has(program.name)) continue
    attempt(
      () => {
        const attached = attachBySection(program, options)
        if ('reason' in attached) skipped.push({ program, ...attached })
        else links.push({ program, link: cleanup.add(attached.link), target: attached.target })
      },
      reason => skipped.push({ program, reason }),
    )
  }
  const attachedMaps: AttachedMap[] = []
  const skippedMaps: SkippedMap[] = []
  for (const { map, attach } of maps) {
    attempt(
      () => attachedMaps.push({ map, link: cleanup.add(attach()) }),
      reason => skippedMaps.push({ map, reason }),
    )
  }
  cleanup.release()
  return new Attachments(links, skipped, attachedMaps, skippedMaps)
}
