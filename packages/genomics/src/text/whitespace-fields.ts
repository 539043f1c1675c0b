/** Fields of a line separated by runs of blanks, as PLINK reads its text files. */
export function whitespaceFields(line: string): string[] {
  const trimmed = line.trim();
  return trimmed === "" ? [] : trimmed.split(/[ \t]+/);
}
