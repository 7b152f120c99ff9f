/**
 * Tests of probes, whose lists are in tracefs.
 *
 * @module
 */

import type { ExecutionContext } from 'ava'
import { features } from '../../../src/kernel/probes/features.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { kernelTest } from '../kernel-test.ts'
import type { Requirement } from '../requirements.ts'

/** Kernels that attach programs to perf events by `ioctl` only: for tests of what the errors say then. */
export const noPerfEventLink: Feature = defineFeature(
  'A kernel without links of perf events',
  undefined,
  () => (features.perfEventLink.probe() === 'no' ? 'yes' : 'no'),
)

/** A {@link kernelTest} that needs tracefs. */
export function probeTest(
  title: string,
  needs: readonly (Feature | Requirement)[],
  implementation: (t: ExecutionContext) => void | Promise<void>,
): void {
  kernelTest(title, ['tracefs', ...needs], implementation)
}
