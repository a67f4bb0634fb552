/** Topics remembered after they were left. */
const FORMER = 8;

/**
 * How far each topic has been received. A position is the server's text `epoch.offset…`; of it the client understands
 * only that much, and hands the text back as it came.
 */
export class Positions {
  private readonly byTopic = new Map<string, string>();
  private readonly roomOf = new Map<string, string>();
  /** Of topics that were left lately: what comes of them may have been received before. */
  private readonly former = new Map<string, string>();

  /** Keeps the position. False: the message was received before and must be dropped. */
  accept(topic: string, position: string): boolean {
    const kept = this.byTopic.get(topic) ?? this.former.get(topic);
    if (kept !== undefined && epochOf(kept) === epochOf(position) && offsetOf(kept) >= offsetOf(position)) {
      return false;
    }
    this.byTopic.set(topic, position);
    return true;
  }

  /**
   * A room was entered, or listened to. A topic that is being read already is read on from where it stands: what lies
   * between there and the entry may still be on its way, or the news that another log has taken the place of that one.
   */
  begin(topic: string, position: string, room: string): void {
    this.roomOf.set(topic, room);
    if (!this.byTopic.has(topic)) this.byTopic.set(topic, position);
  }

  leave(topic: string): void {
    const { byTopic, former } = this;
    const position = byTopic.get(topic);
    if (position !== undefined) {
      former.delete(topic);
      former.set(topic, position);
      if (former.size > FORMER) former.delete(former.keys().next().value as string);
    }
    byTopic.delete(topic);
    this.roomOf.delete(topic);
  }

  room(topic: string): string | undefined {
    return this.roomOf.get(topic);
  }

  /** Rooms of which something is owed: also one that is being left, as long as its end has not been heard. */
  get rooms(): string[] {
    return Array.from(this.roomOf.values());
  }

  clear(): void {
    this.byTopic.clear();
    this.former.clear();
    this.roomOf.clear();
  }

  toJSON(): Record<string, string> {
    // No prototype: a topic may have any name.
    const all: Record<string, string> = Object.create(null);
    this.byTopic.forEach((position, topic) => {
      all[topic] = position;
    });
    return all;
  }
}

export function epochOf(position: string | undefined): string | undefined {
  return position?.split(".", 1)[0];
}

function offsetOf(position: string): number {
  return Number.parseInt(position.split(".", 2)[1] ?? "", 10);
}
