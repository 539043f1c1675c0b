// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CosTest} from "./base/CosTest.sol";
import {PermitState, Terms} from "../src/types/PermitTypes.sol";
import {vm} from "../script/Vm.sol";

contract JobPermitsIssueTest is CosTest {
    function test_issues_pre_authorised() public {
        uint256 grantId = _grant(_paidClauses());
        Terms memory t = _terms(grantId);
        bytes32 permitId = _issue(t);
        _assertState(permitId, PermitState.Issued);
        (, uint256 locked) = c.settlement.lockOf(address(c.permits), permitId);
        vm.assertEq(locked, 1000);
    }
}
