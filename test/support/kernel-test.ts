/**
 * Tests on the running kernel: skipped only for a certain reason, which is printed, and leaving nothing behind.
 *
 * @module
 */

import test, { type ExecutionContext } from 'ava'
import { isWanted, sinceOf } from '../../lab/test-runner/declared.ts'
import { SKIP_REASON } from '../../lab/test-runner/tap.ts'
import type { Feature } from '../../src/kernel/probes/probe.ts'
import { forgetKernelObjects, remainingKernelObjects, watchKernelObjects } from './kernel-objects.ts'
import { openFds, probesOfKernel } from './leaks.ts'
import { ownChildren } from './owner.ts'
import { eventually } from './poll.ts'
import { missing, type Requirement } from './requirements.ts'
import { removeStale } from './stale.ts'

/**
 * Declares a test of ring 2, unless this run is for kernels of other versions (`lab/vm/plan.ts`). It runs after the one before it, and fails when a descriptor, a kernel object (map, program,
 * link, BTF) that it made, or a probe is still there after its last teardown.
 *
 * @param needs kernel features, and what else must be there. The test is skipped when a probe says for certain that
 *   one is missing; a probe that cannot tell skips nothing
 * @param implementation as ava takes it
 */
export function kernelTest(
  title: string,
  needs: readonly (Feature | Requirement)[],
  implementation: (t: ExecutionContext) => void | Promise<void>,
): void {
  if (!isWanted(title, sinceOf(needs))) return
  const reason = missing(['root', ...needs])
  if (reason !== undefined) {
    test.skip(`${title}${SKIP_REASON}${reason}`, implementation)
    return
  }
  prepare()
  test.serial(title, t => {
    forgetKernelObjects()
    const [descriptors, probes] = [openFds(), probesOfKernel()]
    // Teardowns run in reverse: this one comes after those of the test itself.
    t.teardown(async () => {
      const left = subtract(openFds(), descriptors).map(target => `descriptor of ${target}`)
      left.push(...(await remainingKernelObjects()))
      // A probe goes with its link, which the kernel may free in its own time.
      const remaining = (): string[] => subtract(probesOfKernel(), probes)
      if (!(await eventually(() => remaining().length === 0))) left.push(...remaining())
      if (left.length > 0) throw new Error(`The test left behind: ${left.join(', ')}`)
    })
    return implementation(t)
  })
}

let prepared = false

/** Does once what the tests of a file need. */
function prepare(): void {
  if (prepared) return
  prepared = true
  watchKernelObjects()
  ownChildren()
  test.before('what a killed run left is removed', removeStale)
}

/** What a list has beyond another; equal entries count each. */
function subtract(list: readonly string[], minus: readonly string[]): string[] {
  const rest = [...minus]
  return list.filter(each => {
    const at = rest.indexOf(each)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}
