// Nothing but a reboot undoes a lockdown of the kernel, so its tests come last.
const isLast = file => file.endsWith('/kernel/kernel/lockdown.test.js')

export default {
  files: ['build/test/unit/**/*.test.js', 'build/test/kernel/**/*.test.js'],
  workerThreads: false,
  timeout: '120s',
  sortTestFiles: (a, b) => Number(isLast(a)) - Number(isLast(b)) || a.localeCompare(b),
}
