import { keepEveryGuarantee } from "./seeds.ts";

// What goes wrong between a client and a node, and between a node and its store.
keepEveryGuarantee({ calm: 4, network: 12, repeats: 12, late: 12, engine: 14, pushes: 12, slow: 8 });
