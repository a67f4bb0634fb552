import Fastify from "fastify";
import { serving } from "./lib.js";

const fastify = Fastify();
fastify.get("/api/echo", ({ query }) => ({ echo: query.text }));
await fastify.listen({ port: 0, host: "127.0.0.1" });
serving(fastify.server.address().port);
