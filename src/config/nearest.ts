/** Edits (insert, delete, replace, swap of neighbours) that turn one word into the other. */
export const distance = (a: string, b: string): number => {
  const rows: number[][] = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  for (let j = 0; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replace = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + replace);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      }
      rows[i]![j] = best;
    }
  }
  return rows[a.length]![b.length]!;
};

/** The word that was probably meant, or undefined when none is near. Case does not count. */
export const nearest = (word: string, words: readonly string[]): string | undefined => {
  const wanted = word.toLowerCase().slice(0, 64);
  let found: { word: string; edits: number } | undefined;
  for (const candidate of words) {
    const edits = distance(wanted, candidate.toLowerCase());
    if (found === undefined || edits < found.edits) found = { word: candidate, edits };
  }
  // More than two of five letters wrong is another word.
  return found && found.edits <= Math.max(2, wanted.length * 0.4) ? found.word : undefined;
};
