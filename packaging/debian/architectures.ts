// The machines that packages are built for: Debian's names, Node's, and what readelf calls them.

export const ARCHITECTURES = {
  amd64: { node: 'x64', elf: 'Advanced Micro Devices X86-64' },
  arm64: { node: 'arm64', elf: 'AArch64' },
} as const;

/** Debian's name. */
export type Architecture = keyof typeof ARCHITECTURES;
