#!/usr/bin/python3
"""Writes test/unit/charts/golden/bcc-histograms.json: sets of counts, and what bcc prints for them.

The methods print_log2_hist and print_linear_hist of bcc's own tables run here, on tables whose elements are given. They
need neither the kernel nor libbcc. bcc is not part of this repository; Debian has it:

    apt-get download python3-bpfcc && dpkg-deb -x python3-bpfcc_*.deb bcc
    test/support/charts/bcc-histograms.py bcc/usr/lib/python3/dist-packages/bcc/table.py \\
        > test/unit/charts/golden/bcc-histograms.json

The committed file is of python3-bpfcc 0.26.0+ds-1 and Python 3.11.
"""

import contextlib
import ctypes as ct
import importlib.util
import io
import json
import sys
import types


def load(path):
    """Imports table.py without the shared library beside it."""
    package = types.ModuleType('bcc')
    package.__path__ = []
    libbcc = types.ModuleType('bcc.libbcc')
    for name in ['lib', '_RAW_CB_TYPE', '_LOST_CB_TYPE', '_RINGBUF_CB_TYPE', 'bcc_perf_buffer_opts']:
        setattr(libbcc, name, None)
    utils = types.ModuleType('bcc.utils')
    utils.get_online_cpus = utils.get_possible_cpus = lambda: []
    sys.modules.update({'bcc': package, 'bcc.libbcc': libbcc, 'bcc.utils': utils})
    spec = importlib.util.spec_from_file_location('bcc.table', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


table = load(sys.argv[1])


class Disk(ct.Structure):
    _fields_ = [('disk', ct.c_char * 16), ('slot', ct.c_ulonglong)]


class Flags(ct.Structure):
    _fields_ = [('flags', ct.c_uint), ('__pad_1', ct.c_uint), ('slot', ct.c_ulonglong)]


class Elements(table.TableBase):
    def __init__(self, key, elements):
        self.Key = key
        self.elements = elements

    def __len__(self):
        return len(self.elements)

    def __getitem__(self, key):
        raise KeyError(key)

    def __setitem__(self, key, value):
        raise KeyError(key)

    def __delitem__(self, key):
        raise KeyError(key)

    def items(self):
        for key, count in self.elements:
            if self.Key is ct.c_int:
                yield ct.c_int(key), ct.c_ulonglong(count)
            else:
                section, slot = key
                section = section.encode('latin1') if isinstance(section, str) else section
                fields = {self.Key._fields_[0][0]: section, 'slot': slot}
                yield self.Key(**fields), ct.c_ulonglong(count)


sets = []


def add(name, scale, elements, key=ct.c_int, label='value', **options):
    printed = io.StringIO()
    call = {k: v for k, v in options.items() if k != 'name_of'}
    if options.get('name_of') == 'text':
        call['section_print_fn'] = lambda section: section.decode('utf-8', 'replace')
    elif options.get('name_of') == 'hex':
        call['section_print_fn'] = lambda section: '%#x' % section
    if options.get('bucket_sort_fn'):
        call['bucket_sort_fn'] = sorted
    with contextlib.redirect_stdout(printed):
        method = Elements.print_log2_hist if scale == 'log2' else Elements.print_linear_hist
        method(Elements(key, elements), label, **call)
    # Integers of 64 bits are not numbers in every JSON reader.
    rows = [[k if isinstance(k, int) else list(k), str(count)] for k, count in elements]
    sets.append({'name': name, 'scale': scale, 'label': label, 'sectioned': key is not ct.c_int,
                 'options': options, 'elements': rows, 'expected': printed.getvalue()})


latencies = [0, 3, 17, 240, 1820, 977, 331, 65, 12, 1]
zeros = [(i, 0) for i in range(65)]

add('nothing', 'log2', [])
add('all zero', 'log2', zeros)
add('one bucket, the lowest', 'log2', [(1, 7)], label='usecs')
add('one bucket in the middle', 'log2', [(10, 3)], label='usecs')
add('slot 0 only, which bcc does not show', 'log2', [(0, 5)])
add('slot 0 beside others: it counts for the longest bar', 'log2', [(0, 50), (3, 20)])
add('a usual distribution', 'log2', list(enumerate(latencies)), label='usecs')
add('the last narrow columns', 'log2', [(31, 2), (32, 5)], label='nsecs')
add('wide columns', 'log2', [(30, 400), (33, 5), (40, 1000), (41, 999)], label='nsecs')
add('2^63', 'log2', [(64, 1)], label='nsecs')
add('counts of 64 bits', 'log2', [(4, 2**64 - 1), (5, 2**63), (6, 2**63 - 1), (7, 1)], label='bytes')
add('quotients that rounding decides', 'log2', [(1, 10**18), (2, 10**18 - 1), (3, 975 * 10**15), (4, 975 * 10**15 - 1), (5, 25 * 10**15 - 1)])
add('counts wider than their column', 'log2', [(1, 123456789), (2, 1234567890123)], label='msecs')
add('empty buckets at the start are left out', 'log2', [(i, c) for i, c in enumerate([0, 0, 0, 0, 5, 0, 9])], strip_leading_zero=True)
add('a label wider than its column', 'log2', [(1, 1), (2, 2)], label='nanoseconds since the request')
add('a label beyond ASCII', 'log2', [(1, 1), (2, 2)], label='µs \U0001f600')
add('the table is in another order', 'log2', [(5, 1), (2, 4), (9, 2)], label='usecs')
add('a linear distribution', 'linear', list(enumerate([4, 0, 8, 15, 16, 23, 42])), label='runqlen')
add('linear, all zero', 'linear', [(i, 0) for i in range(10)])
add('linear, one bucket', 'linear', [(0, 1)], label='runqlen')
add('linear, the last slot', 'linear', [(1024, 6), (1000, 3)], strip_leading_zero=True)
add('sections of bytes', 'log2', [(('sda', 5), 10), (('sda', 6), 20), (('nvme0n1', 4), 7)], key=Disk, label='usecs', section_header='disk')
add('sections of bytes that Python escapes', 'log2', [(("it's", 2), 1), (("\"it's\"", 2), 1), (('a\tb\\c\xff', 3), 2)], key=Disk)
add('sections of text', 'log2', [(('sda', 5), 10), (('dm-0', 33), 20), (('dm-0', 4), 7)], key=Disk, label='usecs', section_header='disk', name_of='text')
add('sections in order', 'log2', [(('sdc', 2), 1), (('sda', 2), 2), (('sdb', 3), 3)], key=Disk, section_header='disk', name_of='text', bucket_sort_fn=True)
add('sections of numbers, padding between', 'log2', [((0, 1), 3), ((4097, 2), 5), ((0, 3), 4)], key=Flags, section_header='flags')
add('sections of numbers with names', 'log2', [((0, 1), 3), ((4097, 2), 5)], key=Flags, section_header='flags', name_of='hex', strip_leading_zero=True)
add('a section whose counts are zero', 'log2', [(('sda', 5), 0), (('sdb', 2), 1)], key=Disk, section_header='disk', name_of='text')
add('linear sections', 'linear', [(('cpu0', 0), 5), (('cpu1', 3), 2), (('cpu0', 2), 1)], key=Disk, label='runqlen', section_header='cpu', name_of='text')
add('sections, and no elements', 'log2', [], key=Disk, section_header='disk')

json.dump(sets, sys.stdout, indent=1)
print()
