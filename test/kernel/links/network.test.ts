import { features } from '../../../src/kernel/probes/features.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { inNetwork, networkNamespaces } from '../../support/links/network-process.ts'
import { lacking, netfilterPrograms } from '../../support/programs/features.ts'

const needs = [networkNamespaces, 'bpftool'] as const

kernelTest('XDP sees packets until it is detached', needs, t => {
  const result = inNetwork('xdp')
  t.true(result.idsAgree)
  t.true(result.hit)
  t.deepEqual(result.info, { type: 'xdp', ifindex: 1 })
  t.like(result.shown, { type: 'xdp' })
  t.regex(
    String(result.busy),
    /^EBUSY: Cannot attach program on_xdp to XDP of device lo: Resource busy or locked \(EBUSY\): on a device of that index, .* link \d+ runs /,
  )
  t.like(result.afterDetach, { type: 'xdp', ifindex: 0 })
  t.is(result.again, undefined, 'the device is free again')
})

kernelTest('a link is updated, when it is asked for only from an expected program', needs, t => {
  t.deepEqual(inNetwork('update'), {
    wrong:
      'EPERM: Cannot update the link to program on_xdp: another program than the expected one is attached (EPERM)',
    kept: true,
    replaced: true,
    back: true,
  })
})

kernelTest('devices are those of the namespace of the process', [networkNamespaces], t => {
  const result = inNetwork('devices')
  t.like(result, { lo: true, number: true })
  t.deepEqual(
    result.numbers,
    [0, 1.5, 2 ** 31]
      .map(
        index =>
          `RangeError: Cannot attach p: ${index} is not an index, which is an integer from 1 to 2^31 - 1`,
      )
      .concat('ENODEV: Cannot attach p: no network device has index 2147483647'),
  )
  t.deepEqual(
    result.others,
    ['no_such', '', 'a/b', 'a_name_of_16_byt'].map(
      name => `ENODEV: Cannot attach p: no network device is called ${JSON.stringify(name)}`,
    ),
  )
  t.regex(
    String(result.attach),
    /^ENODEV: Cannot attach program on_xdp to XDP of device 2147483632: no network device has index 2147483632$/,
  )
})

kernelTest('tcx sees packets', [...needs, features.tcx], t => {
  const result = inNetwork('tcx')
  t.true(result.idsAgree)
  t.true(result.hit)
  t.deepEqual(result.info, { type: 'tcx', ifindex: 1, attachType: 'tcx_ingress' })
})

kernelTest('tcx programs run in the order of their anchors', [...needs, features.tcx], t => {
  const result = inNetwork('tcx order')
  t.like(result, { hit: true, beforeRuns: true, afterRuns: false })
  t.regex(String(result.duplicate), /^EEXIST: Cannot attach program on_tc to tcx egress of device lo: /)
  t.regex(String(result.stale), /^ESTALE: Cannot attach program on_tc to tcx ingress of device lo: /)
})

kernelTest('netfilter sees packets', [...needs, netfilterPrograms], t => {
  const result = inNetwork('netfilter')
  t.true(result.idsAgree)
  t.true(result.hit)
  t.deepEqual(result.info, { type: 'netfilter', protocolFamily: 2, hook: 3, priority: -5, flags: 0 })
  t.regex(String(result.busy), /^EBUSY: Cannot attach program on_netfilter to netfilter ipv4 local_out: /)
  t.is(
    result.update,
    'ERR_NOT_SUPPORTED: Updating links of type netfilter is not supported by this kernel; close it, and attach the program anew',
  )
})

kernelTest('socket look-up is asked for sockets of its namespace', needs, t => {
  const result = inNetwork('skLookup')
  t.true(result.idsAgree)
  t.true(result.hit)
  t.deepEqual(result.info, { type: 'netns', netnsInode: result.inode, attachType: 'sk_lookup' })
  t.like(result.shown, { type: 'netns', netns_ino: result.inode, attach_type: 'sk_lookup' })
  t.is(
    result.missing,
    'ENOENT: Cannot attach program on_sk_lookup to socket look-up of /no/such/namespace: No such file or directory (ENOENT)',
  )
  t.regex(String(result.wrong), /^EINVAL: /)
})

kernelTest('a namespace has one flow dissector', needs, t => {
  const result = inNetwork('flowDissector')
  t.true(result.idsAgree)
  t.like(result.info, { type: 'netns', attachType: 'flow_dissector' })
  t.like(result.shown, { type: 'netns', attach_type: 'flow_dissector' })
  t.regex(String(result.busy), /^E(2BIG|EXIST|BUSY): Cannot attach program dissect to flow dissector of /)
  t.is(result.again, undefined)
})

kernelTest('XDP programs attach by section to the device that is given', needs, t => {
  const { target, type, hit, unknown } = inNetwork('attach by section')
  t.deepEqual([target, type, hit], ['XDP of device lo', 'xdp', true])
  t.is(
    unknown,
    'ENODEV: Cannot attach program on_xdp to XDP of device no_such: no network device is called "no_such"',
  )
})

kernelTest('tcx programs attach by section to the device that is given', [...needs, features.tcx], t => {
  t.deepEqual(inNetwork('attach tcx by section'), {
    targets: ['tcx ingress of device 1', 'tcx egress of device 1'],
    attachTypes: ['tcx_ingress', 'tcx_egress'],
    hit: true,
  })
})

kernelTest('a kernel without tcx is named as the reason', [...needs, lacking(features.tcx)], t => {
  t.regex(
    String(inNetwork('no tcx').error),
    /^ERR_NOT_SUPPORTED: Cannot attach program on_tc to tcx ingress of device lo: .* \(needs Linux 6\.6 or later\)$/,
  )
})
