/**
 * Tests of probes, which leave no probe behind.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { ExecutionContext } from 'ava'
import { defineFeature, type Feature, features } from '../../src/kernel/index.ts'
import { kernelTest } from './kernel-test.ts'
import type { Requirement } from './requirements.ts'

/** Kernels that attach programs to perf events by `ioctl` only: for tests of what the errors say then. */
export const noPerfEventLink: Feature = defineFeature(
  'A kernel without links of perf events',
  undefined,
  () => (features.perfEventLink.probe() === 'no' ? 'yes' : 'no'),
)

/** Lines of tracefs's lists of dynamic events, and every kprobe that is registered, in any way. */
export function probesOfKernel(): string[] {
  return [
    '/sys/kernel/tracing/kprobe_events',
    '/sys/kernel/tracing/uprobe_events',
    '/sys/kernel/debug/kprobes/list',
  ].flatMap(path => readFileSync(path, 'utf8').trim().split('\n'))
}

/** A {@link kernelTest} that also fails when the kernel has other probes after it than before. */
export function probeTest(
  title: string,
  needs: readonly (Feature | Requirement)[],
  implementation: (t: ExecutionContext) => void | Promise<void>,
): void {
  kernelTest(title, ['tracefs', ...needs], t => {
    const before = probesOfKernel()
    t.teardown(() => {
      assert.deepEqual(probesOfKernel(), before)
    })
    return implementation(t)
  })
}
