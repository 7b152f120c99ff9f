/**
 * The interface between this room and the two backends.
 *
 * @module
 */

/** Tells when a file descriptor has something to read. Its owner closes it before the descriptor or after. */
export interface FdWatcher {
  /** Watches again after `stop`. Throws `ERR_CLOSED` after `close`. */
  start(): void
  /** Pauses: no callback comes until `start`. */
  stop(): void
  /** An active watcher keeps the event loop alive; this is how it starts. */
  ref(): void
  /** Lets the process end although the watcher is active. */
  unref(): void
  /** Ends it for good. Idempotent. */
  close(): void
}

/** A system call whose number and arguments lie in memory. */
export interface PreparedCall {
  /** 14 words: the number and the six arguments, of 64 bits each with the low half first. It must not be transferred. */
  readonly call: Uint32Array<ArrayBuffer>
  /** Reads the words, makes the call, and returns its result, or -errno. */
  readonly make: () => number
}

/** What a backend offers. Arguments and addresses are numbers below 2^53; results are -errno on failure. */
export interface SyscallEntry {
  /** Which backend this is. */
  readonly backend: 'koffi' | 'shim'
  /**
   * Makes a system call on this thread. Nothing is retried: `EINTR` and `EAGAIN` come back like any other
   * errno, and what they mean is the caller's matter.
   *
   * @returns the result, or -errno
   */
  syscall(nr: number, a0?: number, a1?: number, a2?: number, a3?: number, a4?: number, a5?: number): number
  /**
   * Makes a system call that returns a new descriptor, and moves that onto another, close-on-exec, before a worker
   * thread can be terminated.
   *
   * @param target a descriptor of the caller; as it was when the call fails
   * @returns `target`, or -errno
   */
  syscallInto(
    target: number,
    nr: number,
    a0?: number,
    a1?: number,
    a2?: number,
    a3?: number,
    a4?: number,
    a5?: number,
  ): number
  /**
   * As `syscallInto`, on a thread of libuv's pool where the end of a worker thread cannot come in between, else on this
   * thread; as `syscallAsync` otherwise.
   */
  syscallIntoAsync(
    target: number,
    nr: number,
    a0?: number,
    a1?: number,
    a2?: number,
    a3?: number,
    a4?: number,
    a5?: number,
  ): Promise<number>
  /** Prepares a system call that is made often: the shim takes 11 ns for each argument of `syscall`. */
  prepare(): PreparedCall
  /**
   * Makes a system call on a thread of libuv's pool. Memory it refers to must stay referenced until the
   * promise settles. It cannot be cancelled, and the process cannot exit before it returns: never wait
   * without a limit.
   *
   * @returns the result, or -errno; never rejects for an errno
   */
  syscallAsync(
    nr: number,
    a0?: number,
    a1?: number,
    a2?: number,
    a3?: number,
    a4?: number,
    a5?: number,
  ): Promise<number>
  /**
   * Address of a view's first byte; 0 for an empty view. Valid as long as the view's buffer is referenced: backing stores
   * do not move.
   */
  addressOf(view: ArrayBufferView): number
  /**
   * Calls back whenever the descriptor is readable, again and again until it is drained (level-triggered).
   * The callback runs like any other of the event loop: what it throws is an `uncaughtException`, promises it settles are
   * served. The watcher starts active, stays alive without a reference to it, and works on
   * a duplicate of the descriptor, so closing the descriptor neither ends nor harms it. The open file
   * description may become `O_NONBLOCK`. A call may come although everything was read by then.
   *
   * @throws BpfError when the descriptor is bad (`EBADF`) or of a kind that cannot be watched (`EPERM`)
   */
  watch(fd: number, onReadable: () => void): FdWatcher
}
