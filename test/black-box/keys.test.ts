import { keySuite } from "../suites/key-suite.ts";
import { startGatewayUnderTest } from "../support/gateway-under-test.ts";
import { UNLIMITED } from "../support/unlimited.ts";

keySuite((env) => startGatewayUnderTest({ env: { ...UNLIMITED, ...env } }));
