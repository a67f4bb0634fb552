import { defineAction } from "actionwire";
import { z } from "zod";

const personName = z.string().trim().min(1).max(40);

export const introduce = defineAction({
  name: "introduce",
  description: "Tells the others in the chat what to call this connection.",
  inputs: z.object({ name: personName }),
  outputExample: { name: "Ada" },
  idempotent: true,
  run: ({ params: { name }, connection }) => {
    connection.data.name = name;
    return { name };
  },
});

/** Members of a room are ids; this gives them the names that they introduced themselves with. */
export const people = defineAction({
  name: "people",
  description: "The names of connections, wherever in the cluster they are.",
  inputs: z.object({ ids: z.array(z.uuid()).max(100) }),
  outputExample: { names: { "8f14e45f-ceea-467f-a0e6-1c2d3b4a5f60": "Ada" } },
  idempotent: true,
  run: async ({ params: { ids }, api }) => {
    const found = await Promise.all(ids.map((id) => api.connections.get(id)));
    const names: Record<string, string> = {};
    for (const connection of found) {
      const name = personName.safeParse(connection?.data.name);
      if (connection && name.success) names[connection.id] = name.data;
    }
    return { names };
  },
});
