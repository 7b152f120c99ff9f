/**
 * Constants of system calls other than `bpf(2)`, which the kernel defines as macros; the same on x64 and arm64.
 *
 * Source: the header that each block names, below include/uapi.
 *
 * @module
 */

// linux/fcntl.h, asm-generic/fcntl.h
/** `open`, `dup3`: close on exec. Flags of the same meaning for other calls have its value. */
export const O_CLOEXEC = 0o2000000
/** `open`: a descriptor that only names a file. Since Linux 2.6.39. */
export const O_PATH = 0o10000000
/** `openat` and its kin: paths begin at the current directory. */
export const AT_FDCWD = -100
/** `fstatat`: of a symbolic link itself. */
export const AT_SYMLINK_NOFOLLOW = 0x100
/** `unlinkat`: remove a directory. */
export const AT_REMOVEDIR = 0x200
/** `open`, `eventfd2`: never block. */
export const O_NONBLOCK = 0o4000
/** `fcntl`: read the flags of a descriptor. */
export const F_GETFD = 1
/** `fcntl`: duplicate a descriptor, close on exec. */
export const F_DUPFD_CLOEXEC = 1030
/** Flag of a descriptor: close on exec. */
export const FD_CLOEXEC = 1

// asm-generic/mman-common.h, linux/mman.h
/** `mmap`: no access. */
export const PROT_NONE = 0
/** `mmap`: reading. */
export const PROT_READ = 1
/** `mmap`: writing. */
export const PROT_WRITE = 2
/** `mmap`: what is written reaches the file, and others who map it. */
export const MAP_SHARED = 0x01
/** `mmap`: what is written stays here. */
export const MAP_PRIVATE = 0x02
/** `mmap`: at this address, in place of what lies there. */
export const MAP_FIXED = 0x10
/** `mmap`: zeros, not a file. */
export const MAP_ANONYMOUS = 0x20
/** `mmap`: at this address, unless something lies there. Since Linux 4.17. */
export const MAP_FIXED_NOREPLACE = 0x10_0000

// linux/eventpoll.h
/** `epoll_ctl`: watch a descriptor. */
export const EPOLL_CTL_ADD = 1
/** `epoll_ctl`: watch a descriptor no longer. */
export const EPOLL_CTL_DEL = 2
/** Event of `epoll`: there is something to read. */
export const EPOLLIN = 0x001
/** Event of `epoll`: there is room to write. */
export const EPOLLOUT = 0x004
/** Flag of `epoll`: an event comes once for each wake-up, not for as long as its state lasts. */
export const EPOLLET = 0x8000_0000

// linux/socket.h, linux/net.h, linux/sockios.h
/** Address family of sockets on this machine. */
export const AF_UNIX = 1
/** Type of sockets for datagrams. */
export const SOCK_DGRAM = 2
/** `ioctl` of a socket: name of the network device with an index. */
export const SIOCGIFNAME = 0x8910
/** `ioctl` of a socket: largest packet of a network device. */
export const SIOCGIFMTU = 0x8921
/** `ioctl` of a socket: index of a network device. */
export const SIOCGIFINDEX = 0x8933

// linux/perf_event.h
/** `perf_event_open`: close on exec. */
export const PERF_FLAG_FD_CLOEXEC = 8
/** `perf_event_open`: the process is the descriptor of a control group's directory. Since Linux 2.6.39. */
export const PERF_FLAG_PID_CGROUP = 4
/** `read_format` of a perf event: its time while enabled, and while it counted, in nanoseconds. */
export const PERF_FORMAT_TIMES = 3
/** `ioctl` of a perf event, `_IO('$', 0)`: enable it. */
export const PERF_EVENT_IOC_ENABLE = 0x2400
/** `ioctl` of a perf event, `_IO('$', 1)`: disable it. */
export const PERF_EVENT_IOC_DISABLE = 0x2401
/** `ioctl` of a perf event, `_IOW('$', 9, __u32)`: stop and restart writing to its ring. Since Linux 4.7. */
export const PERF_EVENT_IOC_PAUSE_OUTPUT = 0x40042409
/** `ioctl` of a perf event, `_IOW('$', 8, __u32)`: attach a BPF program. */
export const PERF_EVENT_IOC_SET_BPF = 0x40042408

// asm-generic/resource.h
/** `prlimit64`: number of descriptors. */
export const RLIMIT_NOFILE = 7
/** `prlimit64`: bytes of locked memory. */
export const RLIMIT_MEMLOCK = 8

// linux/magic.h
/** `f_type` of a BPF file system. */
export const BPF_FS_MAGIC = 0xcafe4a11
/** `f_type` of tracefs. */
export const TRACEFS_MAGIC = 0x74726163
/** `f_type` of the file system of control groups, version 2. */
export const CGROUP2_SUPER_MAGIC = 0x63677270
/** Magic number of a control group of version 1. */
export const CGROUP_SUPER_MAGIC = 0x27e0eb

// linux/capability.h
/** Capability: access to files whatever their modes. */
export const CAP_DAC_OVERRIDE = 1
/** Capability: administer networks. */
export const CAP_NET_ADMIN = 12
/** Capability: administer the system. */
export const CAP_SYS_ADMIN = 21
/** Capability: observe performance and trace. Since Linux 5.8. */
export const CAP_PERFMON = 38
/** Capability: load programs and create maps. Since Linux 5.8. */
export const CAP_BPF = 39
