/**
 * Numbers of the format, which reading and writing share.
 *
 * Source: System V ABI, chapters 4 and 5, as include/uapi/linux/elf.h and include/uapi/linux/elf-em.h have it.
 *
 * @module
 */

/** First bytes of a file. */
export const ELF_MAGIC: readonly number[] = [0x7f, 0x45, 0x4c, 0x46]
/** Bytes of `e_ident`, which says how the others are to be read. */
export const IDENT_SIZE = 16
/** Bytes of a relocation whose addend is in the section. */
export const REL_SIZE = 16
/** Bytes of a relocation with an addend of its own. */
export const RELA_SIZE = 24

/** `e_ident[EI_CLASS]`: 32 bits. */
export const ELFCLASS32 = 1
/** `e_ident[EI_CLASS]`: 64 bits. */
export const ELFCLASS64 = 2
/** `e_ident[EI_DATA]`: least significant byte first. */
export const ELFDATA2LSB = 1
/** `e_ident[EI_DATA]`: most significant byte first. */
export const ELFDATA2MSB = 2
/** `e_version`, the only one. */
export const EV_CURRENT = 1

/** `e_type` of relocatable objects, the only kind that compilers make for BPF. */
export const ET_REL = 1
/** `e_type` of programs at fixed addresses. */
export const ET_EXEC = 2
/** `e_type` of libraries, and of programs that run at any address. */
export const ET_DYN = 3

/** `e_machine` that names none. */
export const EM_NONE = 0
/** `e_machine` of x86 with 32 bits. */
export const EM_386 = 3
/** `e_machine` of arm with 32 bits. */
export const EM_ARM = 40
/** `e_machine` of x86-64. */
export const EM_X86_64 = 62
/** `e_machine` of arm64. */
export const EM_AARCH64 = 183
/** `e_machine` of RISC-V. */
export const EM_RISCV = 243
/** `e_machine` of BPF objects. */
export const EM_BPF = 247

/** `p_type` of segments that are mapped. */
export const PT_LOAD = 1
/** `p_type` of notes, such as the build id. */
export const PT_NOTE = 4
/** `p_type` of the one that says what the stack may be used for. */
export const PT_GNU_STACK = 0x6474e551
/** `p_flags` bit: the segment may be executed. */
export const PF_X = 1
/** `p_flags` bit: the segment may be written. */
export const PF_W = 2
/** `p_flags` bit: the segment may be read. */
export const PF_R = 4

/** The real number of segments is in the header of section 0. */
export const PN_XNUM = 0xffff

/** Section numbers from here on are not sections. */
export const SHN_LORESERVE = 0xff00
/** Section number of symbols that a linker is to give a place: variables that C declares without `extern`. */
export const SHN_COMMON = 0xfff2
/** The real number is in the header of section 0. */
export const SHN_XINDEX = 0xffff

/** `sh_type` of the sections that matter here. */
export const sectionTypes = {
  progbits: 1,
  symtab: 2,
  strtab: 3,
  rela: 4,
  dynamic: 6,
  note: 7,
  nobits: 8,
  rel: 9,
  dynsym: 11,
  /** `SHT_GNU_verdef`: names of versions. */
  versionDefinitions: 0x6ffffffd,
  /** `SHT_GNU_versym`: version of each dynamic symbol. */
  versions: 0x6fffffff,
} as const
/** Type of the note of owner `GNU` that identifies a build. */
export const NT_GNU_BUILD_ID = 3
/** `d_tag` of the name of a library that is needed. */
export const DT_NEEDED = 1
/** `sh_flags` bit of sections that programs write to. */
export const SHF_WRITE = 1
/** `sh_flags` bit of sections that lie in memory. */
export const SHF_ALLOC = 2
/** `sh_flags` bit of sections with instructions. */
export const SHF_EXECINSTR = 4

/** Types of symbols, `STT_*` by name. */
export const symbolTypes = {
  notype: 0,
  object: 1,
  func: 2,
  section: 3,
  file: 4,
  common: 5,
  tls: 6,
  /** `STT_GNU_IFUNC`: a function that returns the address of a function. */
  ifunc: 10,
} as const
/** Type of a symbol. */
export type ElfSymbolType = keyof typeof symbolTypes

/** Bindings of symbols by their `STB_*`. */
export const symbolBindings = ['local', 'global', 'weak'] as const
/** Binding of a symbol: which files see it, and whether another may take its place. */
export type ElfSymbolBinding = (typeof symbolBindings)[number]

/** Visibilities of symbols by their `STV_*`. */
export const symbolVisibilities = ['default', 'internal', 'hidden', 'protected'] as const

/** Relocation of BPF: the 64-bit immediate of a load. */
export const R_BPF_64_64 = 1
/** Relocation of BPF: a 32-bit number. Of an instruction it is the immediate, which lies 4 bytes behind its start. */
export const R_BPF_64_ABS32 = 3
/** Relocation of BPF: the 32-bit immediate of a call. */
export const R_BPF_64_32 = 10
