/**
 * Profiles as JSON.
 *
 * @module
 */

import type { FrameKind } from '../charts/stacks/stack.ts'
import type { Profile, ProfiledProcess } from './profile-result.ts'

/** A frame of a {@link ProfileDocument}. */
export interface ProfileDocumentFrame {
  readonly name: string
  readonly kind: FrameKind
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

/** A stack of a {@link ProfileDocument}. */
export interface ProfileDocumentStack {
  readonly pid: number
  /** Name of the thread. */
  readonly comm: string
  /** Indices of `frames`, outermost caller first. */
  readonly frames: readonly number[]
  /** Samples, or nanoseconds. */
  readonly count: number
}

/** A profile, for `JSON.stringify`. */
export interface ProfileDocument extends Omit<Profile, 'stacks' | 'start' | 'event' | 'frequency' | 'pid'> {
  readonly format: 'ebpf-ts profile'
  readonly version: 1
  readonly event: string | null
  readonly frequency: number | null
  readonly pid: number | null
  /** When it began, as ISO 8601. */
  readonly start: string
  readonly processes: readonly ProfiledProcess[]
  readonly frames: readonly ProfileDocumentFrame[]
  readonly stacks: readonly ProfileDocumentStack[]
}

/** A profile as a JSON document. */
export function profileDocument(profile: Profile): ProfileDocument {
  const { stacks, start, event, frequency, pid, ...facts } = profile
  const frames: ProfileDocumentFrame[] = []
  const numbers = new Map<unknown, number>()
  const numberOf = (frame: (typeof stacks)[number]['frames'][number]): number => {
    let number = numbers.get(frame)
    if (number === undefined) {
      number = frames.length
      numbers.set(frame, number)
      frames.push(typeof frame === 'string' ? { name: frame, kind: 'native' } : { kind: 'native', ...frame })
    }
    return number
  }
  const documentStacks = stacks.map(({ frames: path, count, labels = {} }) => ({
    pid: Number(labels.pid ?? 0),
    comm: String(labels.comm ?? ''),
    frames: path.map(numberOf),
    count: Number(count),
  }))
  return {
    format: 'ebpf-ts profile',
    version: 1,
    ...facts,
    event: event ?? null,
    frequency: frequency ?? null,
    pid: pid ?? null,
    start: start.toISOString(),
    frames,
    stacks: documentStacks,
  }
}
