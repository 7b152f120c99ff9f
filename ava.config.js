// Nothing but a reboot undoes a lockdown of the kernel, so its tests come last.
const isLast = file => file.endsWith('/kernel/kernel/lockdown.test.js')

export default {
  files: ['build/test/unit/**/*.test.js', 'build/test/kernel/**/*.test.js'],
  workerThreads: false,
  // Without any test's end. Waits for the kernel take a minute before they give up.
  timeout: '5m',
  sortTestFiles: (a, b) => Number(isLast(a)) - Number(isLast(b)) || a.localeCompare(b),
}
