/**
 * When a command that runs until it is told to stop, is.
 *
 * @module
 */

/**
 * Aborts on Ctrl-C, on termination, when the terminal is closed, and when nobody reads our output any more. From
 * then on these signals do nothing, so that the command can clean up.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  process.stdout.on('error', stop)
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
