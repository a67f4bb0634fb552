import { type Engine, type Harness, MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";

/** The memory engine as the suite wants it; `wrap` puts something between a node and the store. */
export function memoryHarness(wrap: (engine: Engine) => Engine = (engine) => engine): Harness {
  return {
    patience: Number.POSITIVE_INFINITY,
    clears: true,
    rewinds: true,
    fails: true,
    async open(bounds) {
      const clock = new FakeClock();
      const store = new MemoryStore({ clock, random: seededRandom(7), bounds });
      return {
        clock,
        engine: () => wrap(memoryEngine(store)),
        advance: (ms) => clock.advance(ms),
        clear: async () => store.clear(),
        save: async () => store.save(),
        rewind: async () => store.rewind(),
        fail: async () => store.fail(),
        recover: async () => store.recover(),
        close: async () => {},
      };
    },
  };
}
