import { keepEveryGuarantee } from "./seeds.ts";

// What goes wrong between a client and a node, and between a node and its store.
keepEveryGuarantee({ calm: 4, network: 16, repeats: 16, late: 16, engine: 20, pushes: 16, slow: 8 });
