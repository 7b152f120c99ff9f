import {
  BPF_F_FAST_STACK_CMP,
  BPF_F_STACK_BUILD_ID,
  BPF_F_USER_STACK,
} from '../../../src/abi/generated/flags.ts'
import { mov } from '../../../src/asm/alu.ts'
import { call, loadMapFd } from '../../../src/asm/calls.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1, r2, r3, r6 } from '../../../src/asm/registers.ts'
import { EEXIST, EFAULT } from '../../../src/base/errno.ts'
import { rawTracepoint } from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { StackMap } from '../../../src/maps/kinds/stack-trace.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import { Symbolizer } from '../../../src/symbols/symbolizer.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { Recorder } from '../../support/links/recorder.ts'
import { PACKET } from '../../support/objects.ts'

/** A tracepoint that only test runs of network programs reach, in the process that asks for them. */
const TEST_RUN = 'bpf_test_finish'

const stackMap = (valueSize: number, flags = 0): BpfMap =>
  BpfMap.create({ name: 'stacks', type: 'stack_trace', valueSize, maxEntries: 1024, flags })

function testRun(): void {
  using program = Program.load({ type: 'socket_filter', instructions: [mov(r0, 0), exit()] })
  program.testRun({ data: PACKET })
}

/** Ids of the stacks of one test run, in some maps. */
function takeStacks(...stacks: readonly (readonly [map: BpfMap, flags: number])[]): number[] {
  using recorder = new Recorder()
  const values = stacks.map(([map, flags]) => [
    mov(r1, r6),
    loadMapFd(r2, map),
    mov(r3, flags),
    call('get_stackid'),
  ])
  using program = recorder.load({ type: 'raw_tracepoint' }, { values })
  using _link = rawTracepoint(program, TEST_RUN)
  testRun()
  return stacks.map((_, i) => Number(BigInt.asIntN(64, recorder.value(i))))
}

kernelTest('stacks of the kernel and of this process are read and have names', [], t => {
  using map = stackMap(127 * 8)
  const [kernel, user] = takeStacks(
    [map, BPF_F_FAST_STACK_CMP],
    [map, BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP],
  )
  t.true(kernel! >= 0 && user! >= 0, `${kernel} ${user}`)
  const stacks = new StackMap(map)
  t.deepEqual([...stacks].map(([id]) => id).sort(), [kernel, user].sort())
  t.deepEqual(new Map(stacks).get(kernel!), stacks.get(kernel!))

  using symbolizer = new Symbolizer()
  const inKernel = symbolizer.stack(stacks.get(kernel!)!)
  const names = inKernel.map(({ name }) => name)
  t.true(
    names.some(name => /^bpf_prog_test_run/.test(name ?? '')),
    names.join(),
  )
  t.true(
    names.some(name => /sys_bpf$/.test(name ?? '')),
    names.join(),
  )
  // The system call was made by libc, or by the shim, and this process has mapped both.
  const [first] = symbolizer.stack(stacks.get(user!)!.slice(0, 1), process.pid)
  t.regex(first!.module!, /libc|\.node$/)
})

kernelTest('stacks with build ids have names by the files, also without the process', [], t => {
  using plain = stackMap(127 * 8)
  using withIds = stackMap(127 * 32, BPF_F_STACK_BUILD_ID)
  const [addresses, ids] = takeStacks([plain, BPF_F_USER_STACK], [withIds, BPF_F_USER_STACK])
  t.true(addresses! >= 0 && ids! >= 0, `${addresses} ${ids}`)
  const byAddress = new StackMap(plain).get(addresses!)!
  const byId = new StackMap(withIds).get(ids!)!
  t.is(byId.length, byAddress.length)

  using symbolizer = new Symbolizer()
  symbolizer.process(process.pid).hold()
  let compared = 0
  for (const [i, location] of byId.entries()) {
    // The kernel gives the address of code that is of no file, or whose page it would have to read.
    if (typeof location === 'bigint') t.is(byAddress[i], location)
    // One name shows that offsets are those of the file; each other file takes an emulated guest a second.
    else if (compared++ === 0) {
      const [expected] = symbolizer.stack([byAddress[i]!], process.pid)
      const [found] = symbolizer.stack([location])
      t.deepEqual(
        [found!.name, found!.offset, found!.module],
        [expected!.name, expected!.offset, expected!.module],
      )
    }
  }
  t.true(compared > 0)
})

kernelTest('errors of programs and unknown ids have no stack, maps of other types no stacks', [], t => {
  using map = stackMap(8)
  const stacks = new StackMap(map)
  for (const id of [-EEXIST, -EFAULT, 0, 1023, 1024, 0xffff_ffff]) t.is(stacks.get(id), undefined)
  for (const id of [1.5, Number.NaN, 2 ** 32, -(2 ** 31) - 1])
    t.throws(() => stacks.get(id), { instanceOf: RangeError })
  t.deepEqual([...stacks], [])
  using array = BpfMap.create({ name: 'a', type: 'array', valueSize: 8, maxEntries: 1 })
  t.throws(() => new StackMap(array), {
    instanceOf: TypeError,
    message: 'Cannot read stacks of map a: its type is array, not stack_trace',
  })
})
