// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PermitIssuing} from "./permits/PermitIssuing.sol";
import {PermitLedger} from "./permits/PermitLedger.sol";
import {PermitLife} from "./permits/PermitLife.sol";

/// @title JobPermits
/// @notice See {IJobPermits}. Assembled from {PermitLedger} (what is stored), {PermitTerms} (form and price),
/// {PermitIssuing} (the way in) and {PermitLife} (every other transition).
contract JobPermits is PermitIssuing, PermitLife {
    constructor(Config memory config) PermitLedger(config) {}
}
