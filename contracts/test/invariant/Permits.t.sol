// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CosTest} from "../base/CosTest.sol";
import {Cast, PermitHandler} from "./PermitHandler.sol";
import {DeploymentConfig} from "../../script/Deployment.sol";
import {vm} from "../../script/Vm.sol";
import {Clauses, Counters} from "../../src/types/GrantTypes.sol";
import {Permit, PermitState} from "../../src/types/PermitTypes.sol";

/// @notice Invariants 2 to 11 of INVARIANTS.md, while everybody tries everything.
contract PermitsInvariantTest is CosTest {
    PermitHandler private handler;
    uint256[] private grantIds;
    address private owner2 = vm.addr(0x0770);
    uint256 private minted;

    function _config() internal view override returns (DeploymentConfig memory config) {
        config = super._config();
        config.bondInCredits = true;
        config.bondAmount = 50;
    }

    function setUp() public override {
        super.setUp();
        _mintIdentity(owner2);
        uint256 second = _registerDataset(owner2);
        for (uint256 i = 0; i < 4; ++i) {
            Clauses memory cl = i == 3 ? _clauses() : _paidClauses(); // the last one is free
            cl.datasetId = i % 2 == 0 ? datasetId : second;
            cl.expiry = START + 300 * DAY;
            cl.maxRuns = uint32(6 + i);
            grantIds.push(_grant(cl));
        }
        c.credits.mint(stranger, 10_000);
        vm.prank(stranger);
        c.credits.approve(address(c.settlement), type(uint256).max);
        minted = c.credits.totalSupply();
        handler = new PermitHandler(c, _cast(), grantIds);
    }

    /// @notice Tells forge what to call.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev 2 and 3: no token appears or disappears; every token held is owed to somebody.
    function invariant_money_is_conserved() external view {
        uint256 owed = c.settlement.owed(address(c.credits));
        vm.assertEq(c.credits.balanceOf(address(c.settlement)), owed, "held = owed");
        vm.assertEq(_sumOfBalances() + _sumOfLocks(), owed, "balances + locks = owed");
        vm.assertEq(c.credits.totalSupply(), minted, "supply");
    }

    /// @dev 4 and 5: a lock holds exactly what its permit's state still has to pay.
    function invariant_locks_follow_the_table() external view {
        for (uint256 i = 0; i < handler.permitCount(); ++i) {
            bytes32 id = handler.permitIds(i);
            Permit memory p = c.permits.permitOf(id);
            (, uint256 locked) = c.settlement.lockOf(address(c.permits), id);
            vm.assertEq(locked, _stillToPay(id, p), "lock");
            (, uint256 bond) = c.settlement.lockOf(address(c.permits), keccak256(abi.encode("bond", id)));
            vm.assertEq(bond, p.state == PermitState.Challenged ? 50 : 0, "bond");
        }
    }

    /// @dev 6 and 7: only arrows of the table; final states are final.
    function invariant_no_forbidden_transition() external view {
        vm.assertEq(handler.forbidden(), "");
    }

    /// @dev 8: reserved and used runs are exactly the permits under way and done, and stay within the grant.
    function invariant_runs_and_budgets_stay_within_the_grant() external view {
        for (uint256 g = 0; g < grantIds.length; ++g) {
            Counters memory n = c.acl.countersOf(grantIds[g]);
            Clauses memory cl = c.acl.clausesOf(grantIds[g]);
            (uint256 underWay, uint256 done) = _permitsOn(grantIds[g]);
            vm.assertEq(n.runsReserved, underWay, "reserved");
            vm.assertEq(n.runsUsed, done, "used");
            vm.assertLe(underWay + done, cl.maxRuns, "runs");
            vm.assertLe(uint256(n.epsilonReserved) + n.epsilonUsed, cl.epsilonMicro, "epsilon");
            vm.assertLe(uint256(n.releasesReserved) + n.releasesUsed, cl.exactReleases, "releases");
        }
    }

    /// @dev 9: a revoked grant issues nothing. 10: a commitment never changes.
    function invariant_revoked_never_issues_and_commitments_stand() external view {
        vm.assertFalse(handler.issuedUnderRevoked(), "issued under a revoked grant");
        vm.assertFalse(handler.commitmentChanged(), "a commitment changed");
    }

    /// @dev 11: a use is on the ledger exactly when a result was posted.
    function invariant_every_result_is_a_logged_use() external view {
        for (uint256 i = 0; i < handler.permitCount(); ++i) {
            bytes32 id = handler.permitIds(i);
            Permit memory p = c.permits.permitOf(id);
            for (uint256 k = 0; k < p.items.length; ++k) {
                bool logged = c.usageLog.isRecorded(p.items[k].grantId, id);
                vm.assertEq(logged ? 1 : 0, p.resultCommitment == 0 ? 0 : 1, "use");
            }
        }
    }

    /// @dev The tries are not in vain: a plain walk through the handler reaches a release.
    function test_handler_reaches_a_release() public {
        handler.issue(0, 2); // one grant, no challenge window
        handler.post(0, false);
        handler.accept(0);
        handler.release(0, false);
        vm.assertEq(handler.permitCount(), 1);
        vm.assertEq(uint256(handler.seen(handler.permitIds(0))), uint256(PermitState.Released));
        vm.assertEq(handler.forbidden(), "");
    }

    function _stillToPay(bytes32 id, Permit memory p) private view returns (uint256 sum) {
        if (p.state == PermitState.Issued || p.state == PermitState.Posted || p.state == PermitState.Challenged) {
            return handler.feeOf(id);
        }
        if (p.state != PermitState.Accepted) return 0;
        for (uint256 i = 0; i < p.items.length; ++i) {
            if (!p.items[i].released) sum += p.items[i].dataShare;
        }
    }

    function _permitsOn(uint256 grantId) private view returns (uint256 underWay, uint256 done) {
        for (uint256 i = 0; i < handler.permitCount(); ++i) {
            Permit memory p = c.permits.permitOf(handler.permitIds(i));
            for (uint256 k = 0; k < p.items.length; ++k) {
                if (p.items[k].grantId != grantId) continue;
                if (p.state <= PermitState.Challenged) ++underWay;
                else if (p.state != PermitState.Refunded) ++done;
            }
        }
    }

    function _sumOfBalances() private view returns (uint256) {
        return _balance(grantee) + _balance(owner) + _balance(owner2) + _balance(operator) + _balance(author)
            + _balance(stranger);
    }

    function _sumOfLocks() private view returns (uint256 sum) {
        for (uint256 i = 0; i < handler.permitCount(); ++i) {
            bytes32 id = handler.permitIds(i);
            (, uint256 locked) = c.settlement.lockOf(address(c.permits), id);
            (, uint256 bond) = c.settlement.lockOf(address(c.permits), keccak256(abi.encode("bond", id)));
            sum += locked + bond;
        }
    }

    function _cast() private view returns (Cast memory) {
        return Cast({
            grantee: grantee,
            owner: owner,
            owner2: owner2,
            operator: operator,
            author: author,
            arbiter: arbiter,
            worker: worker,
            worker2: worker2,
            stranger: stranger
        });
    }
}
