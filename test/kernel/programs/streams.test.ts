import { BPF_F_SLEEPABLE } from '../../../src/abi/constants.ts'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { mov } from '../../../src/asm/alu.ts'
import { exit, ja, label, mayGoto } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { lacking, since, streams, syscallPrograms } from '../../support/programs/features.ts'

const association = since(featureSince.structOpsAssociation, 'Associating programs with operations')

/** Never ends by itself: the kernel stops it, and reports that. */
const endless = [label('again', mov(r0, 0)), mayGoto('out'), ja('again'), label('out', exit())]

function loadSyscall(instructions = endless): Program {
  return Program.load({
    name: 'stream',
    type: 'syscall',
    instructions,
    license: 'GPL',
    flags: BPF_F_SLEEPABLE,
  })
}

/** Linux 6.18 stops an endless loop and reports nothing; 7.2 reports it. */
const reports = since('7.2', 'Reports of endless loops')

kernelTest('what the kernel reports of a program is read from its stderr, once', [reports], t => {
  using program = loadSyscall()
  program.testRun({ context: new Uint8Array(8) })
  t.regex(program.readStream('stderr'), /may_goto/)
  t.is(program.readStream('stderr'), '')
})

kernelTest('streams of a program that has written nothing are empty', [streams], t => {
  using program = loadSyscall([mov(r0, 0), exit()])
  t.is(program.readStream('stderr'), '')
  t.is(program.readStream('stdout'), '')
  t.throws(() => program.readStream('stdin' as 'stdout'), {
    instanceOf: TypeError,
    message: 'Cannot read a stream of program stream: stdin is not stdout or stderr',
  })
})

kernelTest('a kernel without streams says so', [syscallPrograms, lacking(streams)], t => {
  using program = loadSyscall([mov(r0, 0), exit()])
  t.throws(() => program.readStream('stdout'), {
    instanceOf: NotSupportedError,
    message:
      /^Cannot read stdout of program stream: The streams of programs .* \(needs Linux 6\.17 or later\)/,
  })
})

kernelTest('only operations are associated with a program', [syscallPrograms], t => {
  using program = loadSyscall([mov(r0, 0), exit()])
  using map = BpfMap.create({ name: 'other', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 })
  const code = association.probe() === 'no' ? 'ERR_NOT_SUPPORTED' : 'EINVAL'
  t.throws(() => program.associateStructOps(map), { instanceOf: BpfError, code })
})
