import { keepEveryGuarantee } from "./seeds.ts";

// Nodes that go, stand still or come back, and clients that do.
keepEveryGuarantee({ kills: 20, stops: 12, pauses: 18, departures: 12, rebuilds: 8 });
