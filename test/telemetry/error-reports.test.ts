import { describe } from "vitest";
import { errorReportsSuite } from "../suites/error-reports-suite.ts";

describe("error reports, in Node", () => {
  errorReportsSuite({ runtime: "node" });
});
