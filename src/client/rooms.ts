import type { Resume } from "./wire.ts";

/** Where the connection is, and, while another one takes its place, where it was and wants to be again. */
export class Rooms {
  room: string | null = null;
  listening = new Set<string>();
  /** Rooms entered again, and told of. */
  private again = new Set<string>();
  private wanted: { readonly room: string | null; readonly listening: readonly string[] } | undefined;
  /** Of each, something may have been missed. */
  private heard = new Set<string>();

  /** The connection has been lost for good: remember what has to be entered again, and what was `heard`. */
  remember(heard: readonly string[]): void {
    // A second loss while re-entering must not replace the first memory by what had been reached.
    if (!this.wanted) {
      this.wanted = { room: this.room, listening: Array.from(this.listening) };
      this.heard = new Set(this.all.concat(heard));
    }
    this.again.clear();
    this.room = null;
    this.listening = new Set();
  }

  resumed(resume: Resume): void {
    if (resume.room !== undefined) this.room = resume.room;
    if (resume.listeningRooms) this.listening = new Set(resume.listeningRooms);
  }

  /** Where it is, by the server's word. */
  get all(): string[] {
    const listening = Array.from(this.listening);
    return this.room === null ? listening : listening.concat(this.room);
  }

  get rebuilding(): boolean {
    return this.wanted !== undefined;
  }

  /** What is still missing. */
  missing(): { readonly room: string | null; readonly listening: readonly string[] } {
    const { room = null, listening = [] } = this.wanted ?? {};
    return {
      room: room === this.room ? null : room,
      listening: listening.filter((name) => !this.listening.has(name)),
    };
  }

  /** Entered: whether it is one that it was in before, for the first time on this connection. Something may have been missed there. */
  entered(room: string): boolean {
    if (!this.wanted || !this.heard.has(room) || this.again.has(room)) return false;
    this.again.add(room);
    return true;
  }

  /** Everything is entered that can be. Returns the other rooms of which something may have been missed. */
  rebuilt(): string[] {
    const others = this.wanted ? Array.from(this.heard).filter((room) => !this.again.has(room)) : [];
    this.wanted = undefined;
    return others;
  }

  clear(): void {
    this.wanted = undefined;
    this.room = null;
    this.listening = new Set();
  }
}
