/**
 * Instances of tracefs: buffers of their own, with events of their own, beside the one that all tools share.
 *
 * Source: Documentation/trace/ftrace.rst, "Instances".
 *
 * @module
 */

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { featureSince } from '../../abi/feature-since.ts'
import { fileErrno } from '../../base/errno.ts'
import { fileError, unlessRefused } from '../../base/errors.ts'
import { lacking } from '../../kernel/lacking.ts'
import { tracefsPath } from '../../kernel/tracefs.ts'

/** The event of `bpf_trace_printk`. */
const PRINTK = 'bpf_trace/bpf_trace_printk'

const EVENT_NAME = /^[A-Za-z0-9_-]+\/[A-Za-z0-9_-]+$/
const INSTANCE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/

/** An instance that was made, until it is removed. */
export class TraceInstance implements Disposable {
  /** Its folder. */
  readonly path: string
  #removed = false

  private constructor(path: string) {
    this.path = path
  }

  /**
   * Makes an instance, and enables events in it.
   *
   * @param events as `'group/name'`
   * @throws TypeError when a name is not one
   * @throws BpfError `EEXIST` when the instance exists, `ENOENT` when an event does not, or tracefs is not mounted
   * @throws NotSupportedError for `bpf_trace_printk` before Linux 5.9
   */
  static create(name: string, events: readonly string[] = [PRINTK]): TraceInstance {
    if (!INSTANCE_NAME.test(name))
      throw new TypeError(`Cannot make a trace instance: ${JSON.stringify(name)} is not a name of one`)
    for (const event of events) {
      if (!EVENT_NAME.test(event))
        throw new TypeError(
          `Cannot make a trace instance: ${JSON.stringify(event)} is not 'group/name' of an event`,
        )
    }
    const path = join(tracefsPath(), 'instances', name)
    try {
      mkdirSync(path)
    } catch (error) {
      throw fileError(`Cannot make trace instance ${name}`, error)
    }
    const instance = new TraceInstance(path)
    try {
      for (const event of events) instance.#enable(event)
      return instance
    } catch (error) {
      unlessRefused(() => instance.close())
      throw error
    }
  }

  #enable(event: string): void {
    try {
      writeFileSync(join(this.path, 'events', event, 'enable'), '1')
    } catch (error) {
      if (event === PRINTK && fileErrno(error) === 'ENOENT')
        throw lacking('bpf_trace_printk in a trace instance', featureSince.printkEvent)
      throw fileError(`Cannot enable event ${event} in a trace instance`, error)
    }
  }

  /**
   * Removes it. Idempotent.
   *
   * @throws BpfError `EBUSY` when a file of it is open
   */
  close(): void {
    if (this.#removed) return
    try {
      rmdirSync(this.path)
    } catch (error) {
      if (fileErrno(error) !== 'ENOENT') throw fileError(`Cannot remove trace instance ${this.path}`, error)
    }
    this.#removed = true
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
