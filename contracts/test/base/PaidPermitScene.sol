// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CosTest} from "./CosTest.sol";
import {vm} from "../../script/Vm.sol";
import {Counters} from "../../src/types/GrantTypes.sol";
import {PermitState} from "../../src/types/PermitTypes.sol";

/// @notice A paid permit: 1000 = 300 operator + 100 author + 600 owner, work fee 250 after an hour.
abstract contract PaidPermitScene is CosTest {
    uint256 internal grantId;
    bytes32 internal permitId;

    function setUp() public virtual override {
        super.setUp();
        grantId = _grant(_paidClauses());
        permitId = _issue(_terms(grantId));
    }

    function _rule(bool stands) internal {
        vm.prank(arbiter);
        c.permits.rule(permitId, stands);
    }

    function _assertRefunded(uint256 toGrantee, uint256 workFee) internal view {
        _assertState(permitId, PermitState.Refunded);
        vm.assertEq(_balance(grantee), toGrantee, "to the grantee");
        vm.assertEq(_balance(operator), workFee, "work fee");
        vm.assertEq(_balance(author) + _balance(owner), 0, "nobody else");
        (, uint256 locked) = c.settlement.lockOf(address(c.permits), permitId);
        vm.assertEq(locked, 0, "lock");
        Counters memory n = c.acl.countersOf(grantId);
        vm.assertEq(n.runsReserved + n.runsUsed, 0, "run returned");
        vm.assertEq(n.releasesReserved + n.releasesUsed, 0, "charge returned");
    }
}
