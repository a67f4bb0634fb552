/** Text frames, built once however many sockets they go to (RFC 6455, 5.2). A server's frames are not masked. */

const FIN_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

let lastText = "";
let lastFrame = build(lastText);

/**
 * The whole frame of a text, header included. Whoever sends one text to many sends it in a row, so remembering
 * one is enough. The bytes are shared by pending writes: never change them.
 */
export function textFrame(text: string): Buffer {
  if (text !== lastText) {
    lastFrame = build(text);
    lastText = text;
  }
  return lastFrame;
}

function build(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const start = length < LENGTH_16 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = FIN_TEXT;
  if (start === 2) {
    frame[1] = length;
  } else if (start === 4) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, start);
  return frame;
}
