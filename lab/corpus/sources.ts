/**
 * Where the objects of the corpus come from: Debian's packages and Go modules that carry some, and compilers for our own
 * sources.
 *
 * @module
 */

/** Releases of Debian that packages are taken from. */
export const suites = ['bullseye', 'bookworm', 'trixie', 'sid'] as const
/** One of them. */
export type Suite = (typeof suites)[number]

const libbpfTools = ['libbpf-tools', 'libxdp1', 'xdp-tools', 'xdp-tests', 'ir-keytable']
const trixie = [...libbpfTools, 'opensnitch-ebpf-modules', 'systemd', 'suricata']

/** Packages with BPF objects: files of their own, or embedded in programs. */
export const packages: Readonly<Record<Suite, readonly string[]>> = {
  bullseye: ['suricata'],
  bookworm: [
    ...libbpfTools,
    // Built by clang 7, 9 and 14 for both byte orders, some broken on purpose.
    'golang-github-cilium-ebpf-dev',
    'qemu-system-x86',
  ],
  trixie,
  sid: [...trixie, 'udev-hid-bpf', 'nsd', 'libdtrace2', 'rtc-testbench', 'bpfilter'],
}

/**
 * Go modules that carry the objects of agents, with a version where later ones have none. A proxy that serves only some
 * of them leaves out the others, which are reported.
 */
export const modules: readonly string[] = [
  'github.com/alibaba/kubeskoop@latest',
  'github.com/cilium/ebpf@latest',
  'github.com/coroot/coroot-node-agent@latest',
  'github.com/elastic/ebpfevents@latest',
  'github.com/grafana/beyla/v2@latest',
  'github.com/grafana/pyroscope/ebpf@latest',
  'github.com/inspektor-gadget/inspektor-gadget@latest',
  'github.com/kubearmor/KubeArmor/KubeArmor@latest',
  'github.com/kubeshark/tracer@latest',
  'github.com/microsoft/retina@latest',
  'github.com/netobserv/netobserv-ebpf-agent@latest',
  'github.com/parca-dev/parca-agent@latest',
  'github.com/sustainable-computing-io/kepler@v0.7.12',
  'go.keploy.io/server/v3@latest',
  'go.opentelemetry.io/ebpf-profiler@latest',
  'go.opentelemetry.io/obi@latest',
  'tailscale.com@latest',
]

/** A compiler, and how it is called. */
export interface Compiler {
  readonly name: string
  readonly suite: Suite
  /** Its path in the tree of its suite. */
  readonly program: string
  /** Arguments of each round; the sources are compiled once in each. */
  readonly rounds: Readonly<Record<string, readonly string[]>>
  /** Whether symbols get neither type nor size, as from compilers before clang 8. */
  readonly untyped?: boolean
}

const CLANG = ['-O2', '-g', '-std=gnu11', '-nostdlibinc', '-w']
const GCC = ['-O2', '-gbtf', '-mco-re', '-std=gnu11', '-w']

function clang(release: number, suite: Suite, ...cpus: readonly string[]): Compiler {
  const round = (cpu: string): readonly [string, string[]] => {
    const target = cpu === 'eb' ? ['-target', 'bpfeb', '-mcpu=v3'] : ['-target', 'bpfel', `-mcpu=${cpu}`]
    return [cpu, [...target, ...CLANG]]
  }
  return {
    name: `clang-${release}`,
    suite,
    program: `/usr/bin/clang-${release}`,
    rounds: Object.fromEntries(cpus.map(round)),
  }
}

/** Every compiler has all instruction sets that it knows covered by one of its neighbours. */
export const compilers: readonly Compiler[] = [
  clang(11, 'bullseye', 'v1', 'v3'),
  clang(13, 'bullseye', 'v2'),
  clang(14, 'bookworm', 'v3'),
  clang(16, 'bookworm', 'v3'),
  clang(19, 'bookworm', 'v1', 'v2', 'v4'),
  clang(22, 'sid', 'v3', 'v4', 'eb'),
  {
    ...clang(22, 'sid'),
    // Sections for each function and variable, as rustc and some builds have.
    rounds: {
      sections: ['-target', 'bpfel', '-mcpu=v4', '-ffunction-sections', '-fdata-sections', ...CLANG],
    },
  },
  {
    ...clang(11, 'bullseye'),
    // BTF came with later compilers.
    rounds: { untyped: ['-target', 'bpfel', '-mcpu=v1', ...CLANG.filter(each => each !== '-g')] },
    untyped: true,
  },
  {
    name: 'gcc-bpf',
    suite: 'sid',
    program: '/usr/bin/bpf-gcc',
    rounds: { v3: ['-mcpu=v3', ...GCC], v4: ['-mcpu=v4', ...GCC] },
  },
]

/** How rustc is called. */
export const RUST_OPTIONS: readonly string[] = [
  '-Zunstable-options',
  '-Cdebuginfo=2',
  '-Copt-level=3',
  '--emit=obj',
]

/** What is unpacked into the tree of a suite to run its tools in: packages with, and without what they depend on. */
export interface Tools {
  readonly closure: readonly string[]
  /** Those depend on much that is not needed to compile for BPF. */
  readonly single: readonly string[]
}

/** Tools by suite; trixie has none. */
export const tools: Readonly<Partial<Record<Suite, Tools>>> = {
  bullseye: { closure: ['libclang-cpp11', 'libclang-cpp13'], single: ['clang-11', 'clang-13'] },
  bookworm: {
    closure: ['libclang-cpp14', 'libclang-cpp16', 'libclang-cpp19', 'llvm-19'],
    single: ['clang-14', 'clang-16', 'clang-19'],
  },
  sid: { closure: ['libclang-cpp22', 'gcc-bpf', 'bpftool'], single: ['clang-22'] },
}

/** What the twin is built with, statically, so that it runs on every kernel: headers and libraries of sid. */
export const twinPackages: readonly string[] = [
  'libc6-dev',
  'linux-libc-dev',
  'libbpf-dev',
  'libelf-dev',
  'zlib1g-dev',
  'libzstd-dev',
]
