/** What is said and asked: mostly 100 bytes, with a number that receivers find without reading anything else. */

const SIGN = "bench:";
const DIGITS = 8;
const sign = Buffer.from(SIGN);

/** Much more than a compressor remembers, of a few words in no order. */
const FILLING = 1_048_576;
const WORDS = "a,the,room,door,is,was,not,and,who,said,river,early,seven,letters,under,yellow,morning".split(
  ",",
);
let filling: string | undefined;

function fill(): string {
  let seed = 1;
  const words: string[] = [];
  for (let length = 0; length < FILLING; length += words.at(-1)!.length + 1) {
    seed = (seed * 48_271) % 0x7fffffff;
    words.push(WORDS[seed % WORDS.length]!);
  }
  return words.join(".");
}

/** `number` is below a hundred million. */
export function textOf(number: number, length: number): string {
  filling ??= fill();
  const start = (number * length) % (FILLING - length);
  const head = `${SIGN}${String(number).padStart(DIGITS, "0")}:${Date.now()}:`;
  return head + filling.slice(start, start + length - head.length);
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
