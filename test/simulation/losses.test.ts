import { keepEveryGuarantee } from "./seeds.ts";

// A store that is away, comes back empty, or does not keep all.
keepEveryGuarantee({ outages: 14, empties: 24, gaps: 16, short: 24 });
