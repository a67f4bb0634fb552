/** A node that offers compression, as the default does not. */
export default { servers: { websocket: { compression: true } } };
