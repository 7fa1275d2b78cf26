import { testAgreement } from "./agree.ts";
import { linear } from "./scenarios/linear.ts";

testAgreement(linear);
