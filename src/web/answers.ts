import type { FastifyReply } from "fastify";
import { type ErrorCode, type FailureParts, failure, failureFields } from "../actions/errors.ts";
import type { ActionFailure } from "../actions/runner-contract.ts";

export const sendFailure = (reply: FastifyReply, failed: ActionFailure): FastifyReply =>
  reply.code(failed.status).send(failureFields(failed));

/** What the framework refuses, in the words of our table. */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "body_too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "bad_request",
  FST_ERR_BAD_URL: "bad_request",
  FST_ERR_MAX_PARAM_LENGTH: "bad_request",
};

/** The failure that an error of the framework stands for; undefined when it is none that the table knows. */
export const frameworkFailure = (error: unknown, parts: FailureParts): ActionFailure | undefined => {
  const code: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  const known = typeof code === "string" ? frameworkCodes[code] : undefined;
  return known && failure(known, parts);
};
