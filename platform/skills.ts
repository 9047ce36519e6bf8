/** What makes two skill tags the same: the letters, whatever their case. */
export function skillKey(tag: string): string {
  return tag.trim().toLowerCase();
}

/** The distinct skills of a list, as keys. */
export function skillKeys(tags: readonly string[]): Set<string> {
  return new Set(tags.map(skillKey));
}
