export { default } from "../../../../demo/actions/sleep.ts";
