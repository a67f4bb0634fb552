import { Alarm, type Clock } from "./clock.ts";

const SLACK = 5_000;
const ANSWER = 10_000;
const PROBE = 5_000;
/** A timer this late means that the machine, or the page, was asleep: what it was to judge may be waiting unread. */
const ASLEEP = 2_000;

export interface LivenessListener {
  /** Ask something that is answered at once. */
  ask(): void;
  dead(why: string): void;
}

/** Judges from what was sent and heard whether the line still lives. */
export class Liveness {
  private readonly clock: Clock;
  private readonly listener: LivenessListener;
  private readonly alarm: Alarm;
  private readonly due = new Map<string, number>();
  private heardAt: number;
  private alarmAt = 0;
  /** ms: how long the server may hold a connect. Faye's own assumption until the server has said. */
  private hold = 60_000;
  private pause = 0;

  constructor(clock: Clock, listener: LivenessListener) {
    this.clock = clock;
    this.listener = listener;
    this.alarm = new Alarm(clock);
    this.heardAt = clock.now();
  }

  advised(advice: { readonly timeout?: number; readonly interval?: number }): void {
    if (typeof advice.timeout === "number" && advice.timeout > 0) this.hold = advice.timeout;
    if (typeof advice.interval === "number") this.pause = advice.interval;
    this.arm();
  }

  /** A message that wants an answer went out. */
  sent(id: string, kind: "connect" | "request" | "probe"): void {
    const within = kind === "connect" ? this.hold + SLACK : kind === "probe" ? PROBE : ANSWER;
    this.due.set(id, this.clock.now() + within);
    this.arm();
  }

  answered(id: string): void {
    this.due.delete(id);
  }

  heard(): void {
    this.heardAt = this.clock.now();
    this.arm();
  }

  /** Something happened after which the line may well be gone (the network came back, the page is shown again). */
  doubt(): void {
    if (this.clock.now() >= this.heardAt + this.silence()) this.end("silent for too long");
    else this.listener.ask();
  }

  stop(): void {
    this.alarm.stop();
    this.due.clear();
  }

  private silence(): number {
    return this.hold + this.pause + SLACK;
  }

  private nextDeadline(): number {
    let next = this.heardAt + this.silence();
    this.due.forEach((at) => {
      if (at < next) next = at;
    });
    return next;
  }

  /** The alarm is only ever moved forward: a busy line must not pay a timer for each message. */
  private arm(): void {
    const next = this.nextDeadline();
    if (this.alarm.pending && this.alarmAt <= next) return;
    this.alarmAt = next;
    this.alarm.set(Math.max(0, next - this.clock.now()), () => this.check());
  }

  private check(): void {
    const now = this.clock.now();
    const late = now - this.alarmAt;
    if (now < this.nextDeadline()) this.arm();
    else if (late >= ASLEEP) this.awake(now);
    else if (now >= this.heardAt + this.silence()) this.end("silent for too long");
    else this.end("a request was not answered");
  }

  private awake(now: number): void {
    this.due.forEach((at, id) => {
      if (at <= now) this.due.set(id, now + PROBE);
    });
    this.heardAt = now - this.silence() + PROBE;
    this.listener.ask();
    this.arm();
  }

  private end(why: string): void {
    this.stop();
    this.listener.dead(why);
  }
}
