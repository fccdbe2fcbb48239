/**
 * The Engine's stream of a container without a terminal: frames of a stream number, three zero bytes, a big-endian length, and so
 * many bytes. Gives the payloads of both streams in order; what is left of a frame that was cut off is given as far as it came.
 */
export function demultiplex(stream: Buffer): string {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + 8 <= stream.length) {
    const length = stream.readUInt32BE(at + 4);
    parts.push(stream.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString('utf8');
}
