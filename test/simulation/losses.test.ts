import { keepEveryGuarantee } from "./seeds.ts";

// A store that is away, comes back empty or with older data, or does not keep all.
keepEveryGuarantee({ outages: 10, empties: 16, rewinds: 16, gaps: 12, short: 16 });
