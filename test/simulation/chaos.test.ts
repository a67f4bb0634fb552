import { keepEveryGuarantee } from "./seeds.ts";

// All of it in one history.
keepEveryGuarantee({ chaos: 40 });
