const encoder = new TextEncoder();

/**
 * Compares two texts in a time that does not tell where they differ. Runtimes have no common function for it: Node's
 * is in node:crypto, workerd's on crypto.subtle.
 */
export function timingSafeEqual(left: string, right: string): boolean {
  const a = encoder.encode(left);
  const b = encoder.encode(right);
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index++) difference |= a[index]! ^ (b[index % b.length] ?? 0);
  return difference === 0;
}
