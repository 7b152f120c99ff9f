/**
 * A profile that was not taken.
 *
 * @module
 */

import type { Profile } from '../../../src/profile/profile-result.ts'

/** A small profile. */
export function profileResult(parts: Partial<Profile> = {}): Profile {
  return {
    mode: 'cpu',
    event: 'cpu-clock',
    frequency: 100,
    pid: undefined,
    start: new Date('2026-12-01T00:00:00Z'),
    duration: 2,
    cpus: 4,
    unit: 'samples',
    stacks: [
      {
        frames: ['node', { name: 'fib', kind: 'jit', file: '/a.js', line: 1 }],
        count: 30,
        labels: { pid: 7, comm: 'node' },
      },
      {
        frames: ['sh', 'main', { name: 'vfs_read', kind: 'kernel' }],
        count: 10,
        labels: { pid: 8, comm: 'sh' },
      },
    ],
    samples: 40,
    lost: 0,
    unfollowed: 0,
    idle: 5,
    excluded: 0,
    truncated: 0,
    incomplete: 0,
    unnamed: 4,
    gone: 0,
    processes: [
      { pid: 7, name: 'node', samples: 30, value: 30 },
      { pid: 8, name: 'sh', samples: 10, value: 10 },
    ],
    hints: [],
    ...parts,
  }
}
