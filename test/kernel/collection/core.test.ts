import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import type { BtfEnum, BtfMember, BtfStruct } from '../../../src/btf/types.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { kernelBtf } from '../../../src/kernel/btf.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject, objectSpec, objectWith, runOnce } from '../../support/objects.ts'

/** A member with its offset from the start of the outermost struct; looks into members without a name. */
function findMember(btf: Btf, struct: BtfStruct, name: string): BtfMember | undefined {
  for (const member of struct.members) {
    if (member.name === name) return member
    if (member.name !== '') continue
    const inner = findMember(btf, btf.resolved(member.type) as BtfStruct, name)
    if (inner !== undefined) return { ...inner, bitOffset: member.bitOffset + inner.bitOffset }
  }
  return undefined
}

/** Facts of the running kernel, taken from its BTF without what is tested. */
const facts = {
  struct(name: string): BtfStruct {
    return kernelBtf().type(kernelBtf().find(name, 'struct')!) as BtfStruct
  },
  member(struct: string, name: string): BtfMember {
    return findMember(kernelBtf(), facts.struct(struct), name)!
  },
  /** In bytes. */
  offset(struct: string, member: string): number {
    return facts.member(struct, member).bitOffset / 8
  },
  enumerator(enumeration: string, name: string): number {
    const { values } = kernelBtf().type(kernelBtf().find(enumeration, 'enum')!) as BtfEnum
    return Number(values.find(each => each.name === name)!.value)
  },
}

/** Runs a program of `core` and compares what it wrote. */
function computes(
  t: ExecutionContext,
  program: string,
  expected: Readonly<Record<string, number | bigint>>,
): void {
  using collection = loadObject('core', [program])
  runOnce(collection.programs.get(program))
  const names = Object.keys(expected)
  t.deepEqual(Object.fromEntries(names.map(name => [name, collection.variables.get(name).get()])), expected)
}

kernelTest('field_byte_offset is that of the kernel', [], t => {
  const comm = facts.offset('task_struct', 'comm')
  computes(t, 'field_byte_offset', {
    offset_pid: facts.offset('task_struct', 'pid'),
    offset_comm: comm,
    offset_comm_3: comm + 3,
  })
})

kernelTest('field_byte_size is that of the kernel', [], t => {
  computes(t, 'field_byte_size', { size_pid: 4, size_comm: 16, size_comm_3: 1 })
})

kernelTest('field_exists recognizes members that the kernel has', [], t => {
  computes(t, 'field_exists', { exists_pid: 1, exists_missing: 2 })
})

kernelTest('field_signed recognizes signed members', [], t => {
  computes(t, 'field_signed', { signed_pid: 1, signed_skb_len: 2 })
})

kernelTest('shifts isolate a member, and a bit-field where the kernel has it', [], t => {
  const { bitOffset, bitSize } = facts.member('task_struct', 'in_execve')
  t.is(bitSize, 1)
  computes(t, 'field_lshift_u64', { lshift_pid: 32, lshift_in_execve: 63 - (bitOffset % 32) })
  computes(t, 'field_rshift_u64', { rshift_pid: 32, rshift_in_execve: 63 })
})

kernelTest('type ids are those of the object and of the kernel', [], t => {
  computes(t, 'type_id_local', { local_id_task: objectSpec('core').btf!.find('task_struct', 'struct')! })
  computes(t, 'type_id_target', { target_id_task: kernelBtf().find('task_struct', 'struct')! })
})

kernelTest('types exist, have their size, and match', [], t => {
  computes(t, 'type_exists', { exists_task: 1, exists_no_such_struct: 2 })
  computes(t, 'type_size', { size_task: facts.struct('task_struct').size, size_no_such_struct: 2 })
  computes(t, 'type_matches', { matches_fits: 1, matches_differs: 2 })
})

kernelTest('enumerators exist and have the values of the kernel', [], t => {
  computes(t, 'enumval_exists', { exists_tgid: 1, exists_no_such: 2 })
  computes(t, 'enumval_value', {
    value_tgid: BigInt(facts.enumerator('pid_type', 'PIDTYPE_TGID')),
    value_sid: BigInt(facts.enumerator('pid_type', 'PIDTYPE_SID')),
  })
})

kernelTest('members are found through structs without a name, and in arrays', [], t => {
  computes(t, 'nesting', {
    offset_mmap_base: facts.offset('mm_struct', 'mmap_base'),
    offset_start_stack: facts.offset('mm_struct', 'start_stack'),
    offset_skb_next: facts.offset('sk_buff', 'next'),
    offset_numbers_0_nr: facts.offset('pid', 'numbers') + facts.offset('upid', 'nr'),
  })
})

kernelTest('reads follow the layout of the kernel', [], t => {
  using collection = loadObject('core', ['read_fields', 'read_bitfield'])
  const { programs, variables } = collection
  variables.get('read_in_execve').set(5n)
  runOnce(programs.get('read_fields'))
  runOnce(programs.get('read_bitfield'))
  t.is(variables.get('read_pid').get(), process.pid)
  t.is(variables.get('read_tgid').get(), process.pid)
  t.is(variables.get('read_parent_tgid').get(), process.ppid)
  t.is(variables.get('read_comm').get(), readFileSync('/proc/self/comm', 'utf8').trimEnd())
  t.is(variables.get('read_in_execve').get(), 0n)
})

kernelTest('direct loads are patched in offset and width', [], t => {
  using collection = loadObject('core', ['read_direct'])
  using _ = collection.attach()
  const pid = collection.variables.get('direct_pid')
  // Other processes are born too: the last one may be theirs.
  let found = false
  for (let i = 0; i < 100 && !found; i++) found = spawnSync('true').pid === pid.get()
  t.true(found)
  const flags = collection.variables.get('direct_flags').get() as bigint
  t.true(flags > 0n && flags < 1n << 32n, `flags ${flags.toString(16)} are 32 bits wide`)
})

kernelTest('an access that is guarded is dead code where the member is missing', [], t => {
  computes(t, 'guarded_access', { guarded: -1 })
})

kernelTest('an access that is not guarded is refused, and the error says what is missing', [], t => {
  const error = t.throws(() => Collection.load(objectWith('core', ['unguarded_access'])), {
    instanceOf: VerifierError,
    code: 'EINVAL',
  })
  const [summary, place] = error.message.split('\n')
  t.is(
    summary,
    'Cannot load program unguarded_access (?raw_tp): EINVAL: it needs field_byte_offset of struct task_struct___missing.does_not_exist, but the kernel has no struct task_struct___missing.does_not_exist',
  )
  const { line, text, file } = error.source!
  t.is(place, `    at ${file}:${line}: ${text.trim()}`)
  t.regex(file, /core\.bpf\.c$/)
  const source = readFileSync('test/bpf/core.bpf.c', 'utf8').split('\n')
  t.is(source[line - 1], text)
  t.regex(source.slice(line - 3, line).join('\n'), /^int unguarded_access/m)
  t.regex(error.log, /invalid func|call unknown/)
})

kernelTest('relocations go by the types of a file, when there is one', [], t => {
  const builder = new BtfBuilder()
  const int = builder.add({ kind: 'int', name: 'int', size: 4, encoding: 'signed', bitOffset: 0, bits: 32 })
  builder.add({
    kind: 'struct',
    name: 'task_struct',
    size: 16,
    members: [{ name: 'pid', type: int, bitOffset: 96, bitSize: 0 }],
  })
  const directory = mkdtempSync(join(tmpdir(), 'btf-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'other.btf')
  writeFileSync(path, builder.build())
  for (const kernelTypes of [path, Btf.parse(readFileSync(path))]) {
    // Of `comm`, which these types lack, the verifier learns nothing good.
    t.throws(() => Collection.load(objectWith('core', ['field_byte_offset']), { kernelTypes }), {
      message: /it needs field_byte_offset of struct task_struct\S*\.comm\b/,
    })
  }
  t.throws(
    () => Collection.load(objectWith('core', ['field_byte_offset']), { kernelTypes: '/nonexistent' }),
    {
      code: 'ENOENT',
      message:
        "Cannot load program field_byte_offset (raw_tp): Cannot read /nonexistent: ENOENT: no such file or directory, open '/nonexistent'",
    },
  )
  // What needs no type of the kernel does not read them.
  using collection = Collection.load(objectWith('functions', ['first']), { kernelTypes: '/nonexistent' })
  t.is(collection.programs.size, 1)
})
