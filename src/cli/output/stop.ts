/**
 * The end of commands that run until they are interrupted.
 *
 * @module
 */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Aborts on Ctrl-C, on termination, when the terminal is closed, and when the reader of the output is gone. From then
 * on these signals do nothing more, so that the command can clean up.
 *
 * @param gone aborts when the reader is gone
 */
export function stopSignal(gone: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  for (const signal of SIGNALS) process.on(signal, stop)
  if (gone.aborted) stop()
  else gone.addEventListener('abort', stop, { once: true })
  return controller.signal
}

/** Keeps the process alive until a signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const idle = setInterval(() => {}, 1 << 30)
    const done = (): void => {
      clearInterval(idle)
      resolve()
    }
    if (signal.aborted) done()
    else signal.addEventListener('abort', done, { once: true })
  })
}
