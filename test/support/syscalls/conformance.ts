/**
 * What every backend of `src/syscalls` must do. Each test file that calls this is a process of its own, so one
 * backend serves everything in it.
 *
 * @module
 */

import type { TestFn } from 'ava'
import type { SyscallEntry } from '../../../src/syscalls/backends/syscall-entry.ts'
import { testCalls } from './conformance/calls.ts'
import { testDescriptors } from './conformance/descriptors.ts'
import { testElements } from './conformance/elements.ts'
import { testMappings } from './conformance/mappings.ts'
import { testWatchers } from './conformance/watchers.ts'

/** Registers the tests: one after the other, since some count descriptors. */
export function conformance(ava: TestFn, backend: SyscallEntry['backend']): void {
  process.env.EBPF_TS_BACKEND = backend
  const test = ava.serial
  testCalls(test, backend)
  testElements(test)
  testDescriptors(test)
  testMappings(test)
  testWatchers(test)
}
