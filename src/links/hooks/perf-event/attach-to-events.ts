/**
 * Attaching a program to the perf events of all CPUs.
 *
 * @module
 */

import { constants, readdirSync } from 'node:fs'
import { perfTypes } from '../../../abi/generated/enums.ts'
import { perfEventAttr } from '../../../abi/generated/layouts.ts'
import { fileErrno } from '../../../base/errno.ts'
import { BpfError, fileError } from '../../../base/errors.ts'
import { possibleCpus } from '../../../kernel/cpus.ts'
import { fieldsOf, selectEvent } from '../../../kernel/perf/event-attributes.ts'
import type { PerfEventAttributes } from '../../../kernel/perf/event-name.ts'
import { attrFlags, FLAGS, type PerfEventFields, readableCount } from '../../../kernel/perf/perf-event.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import { withOpen } from '../../create-link.ts'
import type { ProgramHandle } from '../../link.ts'
import { requireCookie } from '../cookie.ts'
import { requireProgramType } from '../program-kind.ts'
import { requirePid } from '../user-probes/uprobe-arguments.ts'
import { type EventPlan, PerfEventGroup } from './perf-event-group.ts'
import type { PerfEventOptions } from './perf-event-options.ts'

/** Attaches a program as `perfEvent` does. */
export function attachToEvents(program: ProgramHandle, options: PerfEventOptions): PerfEventGroup {
  const event = selectEvent(options)
  const what = `program ${program.name} to perf event ${event.name}`
  const fail = (reason: string): never => {
    throw new TypeError(`Cannot attach ${what}: ${reason}`)
  }
  const { frequency, period, cookie, pid, cpu, cgroup, inherit = true } = options
  if ((frequency === undefined) === (period === undefined)) {
    fail('give one of frequency and period')
  }
  if (pid !== undefined && cgroup !== undefined) fail('give one of pid and cgroup')
  requirePid(what, pid)
  const cpus = requireCpus(what, cpu)
  requireCookie(what, cookie)
  const rate = requireRate(what, frequency, period)
  requireProgramType(what, { program, hook: 'perf_event' })
  if (event.type === perfTypes.tracepoint) {
    const [group, name] = event.name.split(':')
    fail(
      `the kernel takes programs of type tracepoint at tracepoints: load one, and call tracepoint(program, '${group}', '${name}')`,
    )
  }
  const plan: EventPlan = {
    what,
    event,
    fields: allFields(event, rate, frequency !== undefined, pid !== undefined && inherit),
    frequency,
    cpus,
    threads: pid === undefined ? undefined : threadsOf(what, pid),
    cookie,
  }
  // Before the descriptors: what reads them may be the caller's.
  const { name, spec } = program
  const directory = cgroup === undefined ? undefined : openCgroup(what, cgroup)
  let fd: OwnedFd
  try {
    fd = OwnedFd.copyOf(program.fd, `program ${name}`)
  } catch (error) {
    directory?.close()
    throw error
  }
  return new PerfEventGroup({ name, spec }, fd, plan, directory)
}

function allFields(
  event: PerfEventAttributes,
  rate: bigint,
  freq: boolean,
  inherit: boolean,
): PerfEventFields {
  return [
    ...fieldsOf(event),
    [perfEventAttr.sample_period, rate],
    readableCount,
    [FLAGS, attrFlags({ freq, inherit })],
  ]
}

function requireCpus(what: string, cpu: PerfEventOptions['cpu']): readonly number[] | undefined {
  if (cpu === undefined) return undefined
  const cpus = typeof cpu === 'number' ? [cpu] : [...new Set(cpu)]
  const known = possibleCpus()
  const missing = cpus.find(each => !known.includes(each))
  if (missing !== undefined) {
    throw new RangeError(
      `Cannot attach ${what}: CPU ${missing} does not exist: those of this machine are ${known.join(', ')}`,
    )
  }
  if (cpus.length === 0) throw new RangeError(`Cannot attach ${what}: no CPU was given`)
  return cpus
}

function requireRate(
  what: string,
  frequency: number | undefined,
  period: number | bigint | undefined,
): bigint {
  const [name, value] =
    frequency === undefined ? (['period', period!] as const) : (['frequency', frequency] as const)
  const fits = typeof value === 'bigint' || Number.isSafeInteger(value)
  // The kernel takes periods of 63 bits.
  if (fits && value > 0 && value < 2n ** 63n) return BigInt(value)
  throw new RangeError(`Cannot attach ${what}: ${name} ${value} is not a positive integer`)
}

/** The threads that a process has now. */
function threadsOf(what: string, pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch (error) {
    // The second when it ends while they are read.
    const gone = ['ENOENT', 'ESRCH'].includes(fileErrno(error))
    if (!gone) throw fileError(`Cannot attach ${what}`, error)
    throw new BpfError(`Cannot attach ${what}: process ${pid} does not exist (ESRCH)`, {
      code: 'ESRCH',
      cause: error,
    })
  }
}

function openCgroup(what: string, path: string): OwnedFd {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY
  return withOpen(what, path, flags, fd => OwnedFd.copyOf(fd, `control group ${path}`))
}
