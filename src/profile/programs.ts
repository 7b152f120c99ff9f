/**
 * The profiler's programs in the kernel: loaded, set up and attached.
 *
 * @module
 */

import { statSync } from 'node:fs'
import { Collection } from '../collection/collection.ts'
import { CollectionSpec } from '../collection/spec.ts'
import { onlineCpus } from '../kernel/cpus.ts'
import { readText } from '../kernel/read-text.ts'
import { tracepoint } from '../links/hooks/kernel-probes/tracepoint.ts'
import { perfEvent } from '../links/hooks/perf-event/perf-event.ts'
import type { PerfEventGroup } from '../links/hooks/perf-event/perf-event-group.ts'
import type { Link } from '../links/link.ts'
import { RingBuffer } from '../readers/ring-buffer.ts'
import { object } from './generated/object.ts'
import type { ProfileSettings } from './options.ts'

/** The inode of the first namespace of ids. Source: include/uapi/linux/nsfs.h `PID_NS_INIT_INO`. */
const FIRST_NAMESPACE = 0xeffffffc
/** Bytes of a sample, about: 27 frames of a process and some of the kernel. */
const USUAL_SAMPLE = 512
const LEAST_RING = 1 << 20
const MOST_RING = 64 << 20
/** Threads that may wait at a time: so many times those that there are. */
const THREADS_FACTOR = 2
const LEAST_THREADS = 1024
const MOST_THREADS = 65_536
/** Switches in a second that a ring has room for. */
const SWITCHES = 20_000

/** What the programs have counted. */
export interface Counters {
  /** Samples that had no room in the ring. */
  readonly lost: number
  readonly idle: number
  /** Waits that had no room. */
  readonly overfull: number
}

/** The programs, attached. */
export class ProfilePrograms implements Disposable {
  readonly ring: RingBuffer
  /** Name of the event. */
  readonly event: string | undefined
  readonly #collection: Collection
  readonly #link: Link

  /**
   * Loads and attaches the program of a mode. On failure nothing stays.
   *
   * @throws NotSupportedError before Linux 5.8, which has no ring buffers
   * @throws BpfError when the kernel refuses
   */
  constructor(settings: ProfileSettings) {
    this.#collection = Collection.load(specOf(settings))
    let ring: RingBuffer | undefined
    try {
      ring = RingBuffer.open(this.#collection.maps.get('samples'))
      this.ring = ring
      if (settings.mode === 'cpu') {
        const link = this.#attachToEvent(settings)
        this.#link = link
        this.event = link.event
      } else {
        this.#link = tracepoint(this.#collection.programs.get('on_switch'), 'sched', 'sched_switch')
      }
    } catch (error) {
      ring?.close()
      this.#collection.close()
      throw error
    }
  }

  #attachToEvent({ event, frequency }: ProfileSettings): PerfEventGroup {
    return perfEvent(this.#collection.programs.get('on_event'), { ...event, frequency })
  }

  /** Ends the sampling; what was sampled can still be read. */
  detach(): void {
    this.#link.close()
  }

  get counters(): Counters {
    const read = (name: string): number => Number(this.#collection.variables.get(name).get())
    return { lost: read('lost'), idle: read('idle'), overfull: read('overfull') }
  }

  /** Detaches, and frees everything. */
  [Symbol.dispose](): void {
    this.#link.close()
    this.ring.close()
    this.#collection.close()
  }
}

function specOf({ mode, pid, stacks, frequency }: ProfileSettings): CollectionSpec {
  const spec = CollectionSpec.parse(Buffer.from(object, 'base64'), 'profile.bpf.o')
  const unused = mode === 'cpu' ? 'on_switch' : 'on_event'
  spec.programs.delete(unused)
  const set = (name: string, value: number | bigint | boolean): void => spec.variables.get(name).set(value)
  if (pid !== undefined) set('wanted_pid', pid)
  set('user_stacks', stacks !== 'kernel')
  set('kernel_stacks', stacks !== 'user')
  const namespace = pidNamespace()
  if (namespace !== undefined) {
    set('namespace_device', namespace.device)
    set('namespace_inode', namespace.inode)
  }
  const samples = mode === 'cpu' ? frequency * onlineCpus().length : SWITCHES
  const ring = powerOfTwo(samples * USUAL_SAMPLE, LEAST_RING, MOST_RING)
  spec.maps.get('samples').maxEntries = ring
  set('wakeup_bytes', ring / 4)
  if (mode === 'off-cpu') {
    spec.maps.get('waiting').maxEntries = powerOfTwo(
      THREADS_FACTOR * threads(pid),
      LEAST_THREADS,
      MOST_THREADS,
    )
  }
  return spec
}

/** The namespace of this process's ids, where it is not the first one, with the kernel's own number of its device. */
function pidNamespace(): { device: number; inode: bigint } | undefined {
  const { dev, ino } = statSync('/proc/self/ns/pid', { bigint: true })
  if (ino === BigInt(FIRST_NAMESPACE)) return undefined
  // From the form that user space has: include/linux/kdev_t.h `new_decode_dev`.
  const number = Number(dev)
  const [major, minor] = [(number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00)]
  return { device: (major << 20) | minor, inode: ino }
}

/** How many threads there are. */
function threads(pid: number | undefined): number {
  const found =
    pid === undefined
      ? /\/(\d+) /.exec(readText('/proc/loadavg') ?? '')?.[1]
      : /^Threads:\t(\d+)/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1]
  return Number(found ?? 0)
}

function powerOfTwo(value: number, least: number, most: number): number {
  let power = least
  while (power < value && power < most) power *= 2
  return power
}
