// What a replay adds up: answers, right ones, and whether an accuracy may be told at all.

export class ReplayTally {
  private readonly digest: string;
  private classified = 0;
  private correct = 0;
  private readonly strangers = new Set<string>();
  problems = 0;

  /** @param digest of the bundle whose held-out rows are replayed */
  constructor(digest: string) {
    this.digest = digest;
  }

  count({ correct, digest }: { readonly correct: boolean; readonly digest: string }): void {
    this.classified += 1;
    if (correct) this.correct += 1;
    if (digest !== this.digest) this.strangers.add(digest);
  }

  /**
   * One line. Another bundle of the same name may have been trained on these very rows: then its
   * accuracy over them means nothing, and none is told.
   */
  summary(): string {
    const counts = `${this.classified} classified, ${this.problems} not`;
    if (this.classified === 0) return counts;
    const [stranger] = this.strangers;
    if (stranger !== undefined) {
      return `${counts}; no accuracy over these rows: another bundle (${stranger}) answered, which may have been trained on them`;
    }
    return `${counts}, accuracy ${((100 * this.correct) / this.classified).toFixed(1)} %`;
  }
}
