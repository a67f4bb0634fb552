import { keepEveryGuarantee } from "./seeds.ts";

// Nodes that go, stand still or come back, and clients that do.
keepEveryGuarantee({ kills: 14, stops: 8, pauses: 12, departures: 8, rebuilds: 8 });
