/** What is said on kernels that lack what every kernel of the matrix has. */

import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject } from '../../support/objects.ts'
import {
  lacking,
  listedVariables,
  refusedTrampolines,
  typedVariables,
} from '../../support/programs/features.ts'

for (const name of ['on_fentry', 'on_fexit', 'on_fmod_ret', 'on_lsm']) {
  kernelTest(`${name} is refused with a reason where there are no trampolines`, [refusedTrampolines], t => {
    const error = t.throws(() => loadObject('sections', [name]), { instanceOf: BpfError })
    // A kernel without LSM hooks or the function has no such target.
    if (error.code === 'ENOENT') return
    t.true(error instanceof NotSupportedError, error.stack)
    t.regex(
      error.message,
      /^Loading program on_\w+ \(\?\w+\/\w+\) is not supported by this kernel; it .*trampolines/,
    )
    if (error.code !== 'EPERM') return
    t.regex(error.message, /refuses trampolines .* to every process, as locked-down kernels do$/)
    t.deepEqual([error.errno, error.syscall], [1, 'bpf(BPF_PROG_LOAD)'])
  })
}

kernelTest('a kernel that does not list variables says so', [typedVariables, lacking(listedVariables)], t => {
  t.throws(() => loadObject('externs', ['read_active']), {
    instanceOf: VerifierError,
    message: /failed to find the address for kernel symbol/,
  })
})
