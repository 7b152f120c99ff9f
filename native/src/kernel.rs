//! System calls, by instruction.
//!
//! Source: the syscall calling conventions of syscall(2); numbers as in `src/syscalls/numbers.ts`.

use core::arch::asm;

#[cfg(target_arch = "x86_64")]
mod nr {
    pub const CLOSE: i64 = 3;
    pub const MMAP: i64 = 9;
    pub const MUNMAP: i64 = 11;
    pub const FCNTL: i64 = 72;
    pub const EXIT_GROUP: i64 = 231;
    pub const DUP3: i64 = 292;
}

#[cfg(target_arch = "aarch64")]
mod nr {
    pub const DUP3: i64 = 24;
    pub const FCNTL: i64 = 25;
    pub const CLOSE: i64 = 57;
    pub const EXIT_GROUP: i64 = 94;
    pub const MUNMAP: i64 = 215;
    pub const MMAP: i64 = 222;
}

const F_DUPFD_CLOEXEC: i64 = 1030;
const O_CLOEXEC: i64 = 0o2000000;
const PROT_READ_WRITE: i64 = 3;
const MAP_PRIVATE_ANONYMOUS: i64 = 0x22;

/// Makes any system call; the result, or -errno.
///
/// # Safety
/// Whatever the call does to this process's memory.
#[cfg(target_arch = "x86_64")]
#[inline]
pub unsafe fn syscall(nr: i64, args: [i64; 6]) -> i64 {
    let result: i64;
    asm!(
        "syscall",
        inlateout("rax") nr => result,
        in("rdi") args[0],
        in("rsi") args[1],
        in("rdx") args[2],
        in("r10") args[3],
        in("r8") args[4],
        in("r9") args[5],
        lateout("rcx") _,
        lateout("r11") _,
        options(nostack),
    );
    result
}

/// Makes any system call; the result, or -errno.
///
/// # Safety
/// Whatever the call does to this process's memory.
#[cfg(target_arch = "aarch64")]
#[inline]
pub unsafe fn syscall(nr: i64, args: [i64; 6]) -> i64 {
    let result: i64;
    asm!(
        "svc 0",
        in("x8") nr,
        inlateout("x0") args[0] => result,
        in("x1") args[1],
        in("x2") args[2],
        in("x3") args[3],
        in("x4") args[4],
        in("x5") args[5],
        options(nostack),
    );
    result
}

/// Makes a system call that returns a new descriptor, and moves it onto `target`; `target`, or -errno.
///
/// # Safety
/// As `syscall`; `target` is a descriptor of the caller.
pub unsafe fn syscall_into(target: i64, nr: i64, args: [i64; 6]) -> i64 {
    let made = syscall(nr, args);
    if made < 0 {
        return made;
    }
    let moved = syscall(nr::DUP3, [made, target, O_CLOEXEC, 0, 0, 0]);
    close(made as i32);
    moved
}

/// A duplicate of `fd` that is close-on-exec and above 2, or -errno.
pub fn duplicate(fd: i32) -> i32 {
    unsafe { syscall(nr::FCNTL, [fd as i64, F_DUPFD_CLOEXEC, 3, 0, 0, 0]) as i32 }
}

/// Closes a descriptor that is ours.
pub fn close(fd: i32) {
    unsafe { syscall(nr::CLOSE, [fd as i64, 0, 0, 0, 0, 0]) };
}

/// Zeroed pages, or -errno.
pub fn map_pages(size: usize) -> i64 {
    unsafe {
        syscall(
            nr::MMAP,
            [
                0,
                size as i64,
                PROT_READ_WRITE,
                MAP_PRIVATE_ANONYMOUS,
                -1,
                0,
            ],
        )
    }
}

/// # Safety
/// `address` and `size` are those of `map_pages`, and the pages are no longer in use.
pub unsafe fn unmap_pages(address: usize, size: usize) {
    syscall(nr::MUNMAP, [address as i64, size as i64, 0, 0, 0, 0]);
}

/// Ends the process.
pub fn exit_group(code: i64) -> ! {
    loop {
        unsafe { syscall(nr::EXIT_GROUP, [code, 0, 0, 0, 0, 0]) };
    }
}
