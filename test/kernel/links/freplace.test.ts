import { Collection } from '../../../src/collection/collection.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { fentry } from '../../../src/links/hooks/tracing/fentry.ts'
import { freplace } from '../../../src/links/hooks/tracing/freplace.ts'
import type { TracingLinkInfo } from '../../../src/links/info.ts'
import { Link } from '../../../src/links/link.ts'
import type { Program } from '../../../src/programs/program.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftoolLink } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { targetInTracingInfo } from '../../support/links/features.ts'
import { Recorder } from '../../support/links/recorder.ts'
import { loadObject, objectWith, runOnce } from '../../support/objects.ts'
import { eventually } from '../../support/poll.ts'

const needs = [features.trampoline]

/** Loads a program of `trampoline` for a function of another program; by default the one in its section's name. */
function loadReplacement(name: string, target: Program, attachTarget?: string): Collection {
  const spec = objectWith('trampoline', [name])
  const program = spec.programs.get(name)
  program.attachProgram = target
  if (attachTarget !== undefined) program.attachTarget = attachTarget
  return Collection.load(spec)
}

/** What `third` of `functions` returns with times_two(2) replaced. */
const withTimesTwo = (result: number): number => 4 + result

kernelTest('a function is replaced until the link is closed', needs, t => {
  using functions = loadObject('functions', ['third'])
  const third = functions.programs.get('third')
  t.is(runOnce(third), withTimesTwo(10))
  using replacement = loadReplacement('times_ten', third)
  using link = freplace(replacement.programs.get('times_ten'))
  t.is(runOnce(third), withTimesTwo(20))
  t.is(replacement.variables.get('runs').get(), 1n)
  t.is(replacement.variables.get('argument').get(), 2n)
  link.close()
  t.is(runOnce(third), withTimesTwo(10))
  t.is(replacement.variables.get('runs').get(), 1n)
})

kernelTest('a section attaches its replacement', needs, t => {
  using functions = loadObject('functions', ['third'])
  const third = functions.programs.get('third')
  using replacement = loadReplacement('times_ten', third)
  using attachments = replacement.attach()
  t.is(attachments.programs.length, 1)
  t.is(runOnce(third), withTimesTwo(20))
})

kernelTest('a second replacement is refused while there is a first', needs, t => {
  using functions = loadObject('functions', ['third'])
  const third = functions.programs.get('third')
  using ten = loadReplacement('times_ten', third)
  using hundred = loadReplacement('times_hundred', third)
  using first = freplace(ten.programs.get('times_ten'))
  t.throws(() => freplace(hundred.programs.get('times_hundred')), {
    code: 'EBUSY',
    message: /^Cannot attach program times_hundred to the function it replaces: .*EBUSY.*: .* already/,
  })
  t.is(runOnce(third), withTimesTwo(20))
  first.close()
  using _second = freplace(hundred.programs.get('times_hundred'))
  t.is(runOnce(third), withTimesTwo(200))
})

kernelTest('a function that is traced is not replaced', needs, t => {
  using functions = loadObject('functions', ['third'])
  const third = functions.programs.get('third')
  using recorder = new Recorder()
  const traced = { attachTarget: 'times_two', attachProgram: third }
  using tracer = recorder.load({ type: 'tracing', expectedAttachType: 'trace_fentry', ...traced })
  using replacement = loadReplacement('times_ten', third)
  using _link = fentry(tracer)
  t.throws(() => freplace(replacement.programs.get('times_ten')), { code: 'EBUSY' })
  t.is(runOnce(third), withTimesTwo(10))
  t.is(recorder.hits, 1)
})

kernelTest('a replacement attaches to a like function of another program', needs, t => {
  using one = loadObject('functions', ['third'])
  using other = loadObject('functions', ['third'])
  const [third, target] = [one, other].map(each => each.programs.get('third')) as [Program, Program]
  using replacement = loadReplacement('times_ten', third)
  using link = freplace(replacement.programs.get('times_ten'), { target, function: 'times_two' })
  t.is(runOnce(third), withTimesTwo(10))
  t.is(runOnce(target), withTimesTwo(20))
  link.close()
  t.is(runOnce(target), withTimesTwo(10))
  t.throws(() => freplace(replacement.programs.get('times_ten'), { target, function: 'no_such' }), {
    code: 'ENOENT',
    message: 'Cannot attach program times_ten to function no_such: the target program has no such function',
  })
})

kernelTest('a replacement attaches again after its link was closed', needs, t => {
  using functions = loadObject('functions', ['third'])
  const target = functions.programs.get('third')
  using replacement = loadReplacement('times_ten', target)
  const program = replacement.programs.get('times_ten')
  {
    using first = freplace(program)
    t.throws(() => freplace(program), {
      message: new RegExp(
        `: link ${first.id} has attached it already; to attach it again, give target and function$`,
      ),
    })
  }
  for (let round = 0; round < 3; round++) {
    using _link = freplace(program, { target, function: 'times_two' })
    t.is(runOnce(target), withTimesTwo(20))
  }
  t.is(runOnce(target), withTimesTwo(10))
  t.throws(() => freplace(program), {
    message: /: the kernel gives no reason, but it forgets .*; to attach it again, give target and function$/,
  })
})

kernelTest('info names both programs, as bpftool shows them', [...needs, 'bpftool'], t => {
  using functions = loadObject('functions', ['third'])
  const third = functions.programs.get('third')
  using replacement = loadReplacement('times_ten', third)
  const program = replacement.programs.get('times_ten')
  using link = freplace(program)
  const info = link.info() as TracingLinkInfo
  t.like(info, { type: 'tracing', programId: program.info().id })
  t.like(bpftoolLink(info.id), { type: 'tracing', prog_id: info.programId, prog_type: 'ext' })
  if (targetInTracingInfo.probe() === 'no') return
  t.is(info.targetObjectId, third.info().id)
  t.like(bpftoolLink(info.id), { target_obj_id: info.targetObjectId, target_btf_id: info.targetBtfId })
})

kernelTest('a pinned replacement stays', needs, async t => {
  using functions = loadObject('functions', ['third'])
  const third = functions.programs.get('third')
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/link`
  {
    using replacement = loadReplacement('times_ten', third)
    using link = freplace(replacement.programs.get('times_ten'))
    link.pin(path)
  }
  t.is(runOnce(third), withTimesTwo(20))
  using opened = Link.loadPinned(path)
  opened.unpin(path)
  opened.close()
  // The kernel lets go of a removed pin in its own time.
  t.true(await eventually(() => runOnce(third) === withTimesTwo(10)))
})

kernelTest('what cannot be replaced is refused, with the reason', needs, t => {
  using functions = loadObject('functions', ['third'])
  const third = functions.programs.get('third')
  t.throws(() => loadReplacement('times_ten', third, 'no_such'), {
    code: 'ENOENT',
    message:
      'Cannot load program times_ten (?freplace/times_two): the target program has no function no_such',
  })
  const other = t.throws(() => loadReplacement('other_arguments', third), { name: 'VerifierError' })
  t.regex(other.message, /^Cannot load program other_arguments .*: .*times_two/)
  const statics = t.throws(() => loadReplacement('times_ten', third, 'add_three'), { name: 'VerifierError' })
  t.regex(statics.message, /add_three.*(static|global)|(static|global).*add_three/)
})

kernelTest('a replacement without a program to replace in is refused, with the reason', [], t => {
  t.throws(() => loadObject('trampoline', ['times_ten']), {
    code: 'ERR_INVALID_SPEC',
    message:
      'Cannot load program times_ten (?freplace/times_two): it replaces a function of another program; set attachProgram',
  })
})
