import type { SyscallEntry } from './entry.ts'

export function openShim(): SyscallEntry | undefined {
  return undefined
}
