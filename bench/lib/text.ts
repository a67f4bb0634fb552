/** What is said and asked: about 100 bytes, with a number that receivers find without reading anything else. */

const SIGN = "bench:";
const DIGITS = 8;
const LENGTH = 100;
const sign = Buffer.from(SIGN);
const filling = "x".repeat(LENGTH);

/** `number` is below a hundred million. */
export function textOf(number: number): string {
  return `${SIGN}${String(number).padStart(DIGITS, "0")}:${Date.now()}:${filling}`.slice(0, LENGTH);
}

/** Adds the number of each text in these bytes. */
export function readNumbers(bytes: Buffer, start: number, end: number, into: number[]): void {
  let at = bytes.indexOf(sign, start);
  while (at !== -1 && at < end) {
    const first = at + sign.length;
    let number = 0;
    for (let digit = first; digit < first + DIGITS; digit += 1) number = number * 10 + bytes[digit]! - 48;
    into.push(number);
    at = bytes.indexOf(sign, first);
  }
}
