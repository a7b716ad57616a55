// Types of the script, for its test.
export function bundleTypebox(folder: string): Promise<void>;
