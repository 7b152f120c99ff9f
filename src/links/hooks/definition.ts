/**
 * What the library knows of a hook: how programs are attached to it, what it needs of the kernel, and the words that
 * the guide and messages have for it. Each hook's file defines its own; `registry.ts` lists them all.
 *
 * @module
 */

import type { LinkType } from '../../abi/generated/enums.ts'
import type { LinuxRelease } from '../../abi/since.ts'
import type { Feature } from '../../kernel/probes/probe.ts'
import type { Program } from '../../programs/program.ts'
import type { Link } from '../link.ts'
import type { Device } from './network/device.ts'
import type { PerfEventOptions } from './perf-event/perf-event-options.ts'

/** What programs are attached to where their section names do not say it. */
export interface AttachPlaces {
  /** Network device of XDP and tcx programs: its name in this network namespace, or its index. */
  device?: Device
  /** Directory of a control group of version 2. */
  cgroup?: string
  /** Which event runs `perf_event` programs, how often, and where: `{ event: 'cpu-clock', frequency: 99 }`. */
  perfEvent?: PerfEventOptions
}

/** The name of such a place. */
export type PlaceName = keyof AttachPlaces

/** A program that was attached by its section name. */
export interface SectionAttachment {
  readonly link: Link
  /** What it was attached to, in words: `'raw tracepoint sched_switch'`. */
  readonly target: string
}

/**
 * Attaches a program to the target that its section names.
 *
 * @param target `''` for a hook that takes none
 * @param places has what the hook `needs`
 * @throws TypeError, RangeError when the hook takes no such target
 * @throws BpfError when attaching fails
 */
export type AttachToTarget = (program: Program, target: string, places: AttachPlaces) => SectionAttachment

/** How a program is attached by the name of its section, or why that is not possible. */
export type BySection =
  | {
      readonly kind: 'attach'
      /** What must be given besides the section name. */
      readonly needs: readonly PlaceName[]
      readonly attach: AttachToTarget
    }
  | {
      readonly kind: 'call'
      /** What `call` says that a section name cannot: `'it needs a priority'`. */
      readonly reason: string
    }
  | { readonly kind: 'not_implemented' }

/** A hook. */
export interface HookDefinition {
  /** What programs attach to, with its article: `'the entry of a kernel function'`. */
  readonly attachesTo: string
  /** How it is done by hand: `"kprobe(program, 'vfs_read')"`. Absent when this version cannot. */
  readonly call?: string
  /** First Linux release on which `call` works; without one, the first that has the hook. */
  readonly since: LinuxRelease
  /** The same on arm64, where it is later. */
  readonly sinceArm64?: LinuxRelease
  /** The kernel's type of the link; absent where there is never a link. */
  readonly linkType?: LinkType
  /** First Linux release on which the attachment is such a link, where it is later than `since`. */
  readonly linkSince?: LinuxRelease
  /** Finds out whether the running kernel has the hook; absent where the program's type decides. */
  readonly feature?: Feature
  /** Option that the kernel must be built with. */
  readonly config?: string
  /** What follows the section's name and a `/`: `'FUNCTION+OFFSET'`. */
  readonly target?: string
  readonly bySection: BySection
}

/** By a section name that says everything. */
export function bySection(attach: (program: Program, target: string) => SectionAttachment): BySection {
  return { kind: 'attach', needs: [], attach }
}

/** By a section name, to a place that is given for all programs. */
export function bySectionAt<N extends PlaceName>(
  need: N,
  attach: (program: Program, target: string, place: NonNullable<AttachPlaces[N]>) => SectionAttachment,
): BySection {
  return {
    kind: 'attach',
    needs: [need],
    attach: (program, target, places) =>
      attach(program, target, places[need] as NonNullable<AttachPlaces[N]>),
  }
}

/** Not by section: there is more to say than a name can. */
export function byCall(reason: string): BySection {
  return { kind: 'call', reason }
}

/** A hook that this version of the library cannot attach to. */
export function notImplemented(facts: Omit<HookDefinition, 'call' | 'bySection'>): HookDefinition {
  return { ...facts, bySection: { kind: 'not_implemented' } }
}
