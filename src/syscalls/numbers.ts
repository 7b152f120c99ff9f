/**
 * System call numbers, the one table of them.
 *
 * Source: arch/x86/entry/syscalls/syscall_64.tbl; include/uapi/asm-generic/unistd.h (arm64 uses scripts/syscall.tbl,
 * the same numbers).
 *
 * @module
 */

/** System calls of the table. `epoll_wait` is absent: arm64 has only `epoll_pwait`. */
export type SyscallName = keyof typeof x64

const x64 = {
  read: 0,
  write: 1,
  close: 3,
  mmap: 9,
  mprotect: 10,
  munmap: 11,
  rt_sigprocmask: 14,
  ioctl: 16,
  getpid: 39,
  socket: 41,
  sendto: 44,
  recvfrom: 45,
  bind: 49,
  getsockname: 51,
  setsockopt: 54,
  fcntl: 72,
  statfs: 137,
  fstatfs: 138,
  mount: 165,
  umount2: 166,
  gettid: 186,
  epoll_ctl: 233,
  tgkill: 234,
  openat: 257,
  mkdirat: 258,
  newfstatat: 262,
  unlinkat: 263,
  epoll_pwait: 281,
  eventfd2: 290,
  epoll_create1: 291,
  dup3: 292,
  perf_event_open: 298,
  prlimit64: 302,
  bpf: 321,
  pidfd_open: 434,
} as const

const arm64: Readonly<Record<SyscallName, number>> = {
  eventfd2: 19,
  epoll_create1: 20,
  epoll_ctl: 21,
  epoll_pwait: 22,
  dup3: 24,
  fcntl: 25,
  ioctl: 29,
  mkdirat: 34,
  unlinkat: 35,
  umount2: 39,
  mount: 40,
  statfs: 43,
  fstatfs: 44,
  openat: 56,
  close: 57,
  read: 63,
  write: 64,
  newfstatat: 79,
  tgkill: 131,
  rt_sigprocmask: 135,
  getpid: 172,
  gettid: 178,
  socket: 198,
  bind: 200,
  getsockname: 204,
  sendto: 206,
  recvfrom: 207,
  setsockopt: 208,
  munmap: 215,
  mmap: 222,
  mprotect: 226,
  perf_event_open: 241,
  prlimit64: 261,
  bpf: 280,
  pidfd_open: 434,
}

/** The tables by `process.arch`. */
export const syscallTables: Readonly<Record<string, Readonly<Record<SyscallName, number>>>> = { x64, arm64 }

/** System call numbers of this CPU. On a CPU without a table the entry refuses before a number is used. */
export const nr: Readonly<Record<SyscallName, number>> = syscallTables[process.arch] ?? x64

/** 32-bit words of a call: its number and six arguments, of 64 bits each. */
export const CALL_WORDS = 14
