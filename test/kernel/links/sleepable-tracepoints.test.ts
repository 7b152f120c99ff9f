import { BPF_F_SLEEPABLE } from '../../../src/abi/constants.ts'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { add, mov } from '../../../src/asm/alu.ts'
import { call } from '../../../src/asm/calls.ts'
import { r1, r2, r3, r10 } from '../../../src/asm/registers.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { rawTracepoint } from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { tpBtf } from '../../../src/links/hooks/kernel-probes/tp-btf.ts'
import { tracepoint } from '../../../src/links/hooks/kernel-probes/tracepoint.ts'
import type { Link } from '../../../src/links/link.ts'
import type { Program } from '../../../src/programs/program.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { Recorder } from '../../support/links/recorder.ts'
import { since } from '../../support/programs/features.ts'

const needs = [since(featureSince.sleepableTracepoints, 'Programs at tracepoints that may sleep')]
const flags = BPF_F_SLEEPABLE
/** Only programs that may sleep can call this helper; it returns -EFAULT. */
const values = [[mov(r1, r10), add(r1, -8), mov(r2, 8), mov(r3, 0), call('copy_from_user')]]

/** Makes system calls happen. */
const happen = (): unknown => process.ppid

const ways: readonly (readonly [
  what: string,
  load: (recorder: Recorder) => Program,
  good: (program: Program) => Link,
  bad: (program: Program) => Link,
  others: string,
])[] = [
  [
    'tracepoint',
    recorder => recorder.load({ type: 'tracepoint', flags }, { values }),
    program => tracepoint(program, 'syscalls', 'sys_enter_getppid'),
    program => tracepoint(program, 'sched', 'sched_switch'),
    'those of the category syscalls',
  ],
  [
    'raw tracepoint',
    recorder => recorder.load({ type: 'raw_tracepoint', flags }, { values }),
    program => rawTracepoint(program, 'sys_enter'),
    program => rawTracepoint(program, 'sched_switch'),
    'sys_enter and sys_exit',
  ],
]

for (const [what, load, good, bad, others] of ways) {
  kernelTest(`a program that may sleep is attached to a ${what} where it may`, needs, t => {
    using recorder = new Recorder()
    using program = load(recorder)
    {
      using _link = good(program)
      happen()
      t.true(recorder.hits > 0)
      t.is(BigInt.asIntN(64, recorder.value(0)), -14n, 'EFAULT')
    }
    t.throws(() => bad(program), {
      code: 'EINVAL',
      message: new RegExp(
        `: the program may sleep, and this tracepoint does not let programs sleep, as ${others} do$`,
      ),
    })
  })
}

kernelTest('a program that may sleep with typed arguments is refused when it is loaded', needs, t => {
  using recorder = new Recorder()
  const spec = { type: 'tracing', expectedAttachType: 'trace_raw_tp', flags } as const
  using program = recorder.load({ ...spec, attachTarget: 'sys_enter' }, { values })
  using _link = tpBtf(program)
  happen()
  t.true(recorder.hits > 0)
  const error = t.throws(() => recorder.load({ ...spec, attachTarget: 'sched_switch' }, { values }), {
    instanceOf: VerifierError,
  })
  t.regex(error.message, /may not sleep|Sleepable program cannot attach to non-faultable tracepoint/i)
})

kernelTest('a program that may not sleep is refused for another reason', [features.link], t => {
  using recorder = new Recorder()
  using program = recorder.load({ type: 'raw_tracepoint' })
  const error = t.throws(() => rawTracepoint(program, 'ebpf_ts_no_such'), { code: 'ENOENT' })
  t.notRegex(error.message, /sleep/)
})
