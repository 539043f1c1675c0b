/** The compiled addon, whether or not it is there. */
export const addonFile: string;
/** This package's folder. */
export const folder: string;
/** SHA-256 over every file that the addon is made of. */
export function sourceHash(): string;
/** Core files, each with the flags of its CPU level. */
export function coreSources(arch?: string): { path: string; flags: string[] }[];
