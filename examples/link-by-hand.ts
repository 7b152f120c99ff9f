/**
 * A link made, inspected, pinned and found again, without an object file: the program is two instructions.
 *
 *     npm run build && npm run build:test && sudo node build/examples/link-by-hand.js [PIN]
 *
 * PIN is a path on a BPF file system. Default: `/sys/fs/bpf/my_link`.
 *
 * @module
 */

import { exit, mov, r0 } from 'ebpf-ts/asm'
import { Link, rawTracepoint } from 'ebpf-ts/links'
import { Program } from 'ebpf-ts/programs'

const [pin = '/sys/fs/bpf/my_link'] = process.argv.slice(2)

using program = Program.load({
  name: 'nothing',
  type: 'raw_tracepoint',
  license: 'GPL',
  instructions: [mov(r0, 0), exit()],
})
{
  using link = rawTracepoint(program, 'sched_switch')
  console.log('made', link.info())
  link.pin(pin)
}

// Our handle is closed; the pin keeps the program attached, also beyond the end of this process.
using found = Link.loadPinned(pin)
console.log('found', found.info())

for (const each of Link.list()) {
  console.log('listed', each.info().id)
  each.close()
}

found.unpin(pin)
