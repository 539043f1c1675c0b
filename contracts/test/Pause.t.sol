// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PaidPermitScene} from "./base/PaidPermitScene.sol";
import {vm} from "../script/Vm.sol";
import {IAuthority} from "../src/interfaces/IAuthority.sol";
import {VersionReason} from "../src/interfaces/IDatasetRegistry.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Clauses, OutputTerms} from "../src/types/GrantTypes.sol";
import {PermitState, ReleaseClass, Terms} from "../src/types/PermitTypes.sol";

/// @notice Invariant 12: pause stops issuing and never exits.
contract PauseTest is PaidPermitScene {
    bytes4 private constant PAUSED = IAuthority.Authority_Paused.selector;

    uint256 private pending;

    function setUp() public override {
        super.setUp();
        pending = _request(datasetId, grantee);
    }

    function test_only_a_pauser_pauses_and_only_the_administrator_resumes() public {
        vm.expectRevert();
        vm.prank(stranger);
        c.authority.pause();
        _pause();
        vm.expectRevert();
        vm.prank(pauser);
        c.authority.unpause();
        c.authority.unpause();
        _issueAs(grantee, _terms(grantId), 1);
    }

    function test_pause_stops_issuing() public {
        Clauses memory cl = _clauses();
        OutputTerms memory outputTerms = _outputTerms();
        Terms memory t = _terms(grantId);
        _pause();
        vm.expectRevert(PAUSED);
        vm.prank(grantee);
        c.acl.request(datasetId, 1, PURPOSE, "t", "");
        vm.expectRevert(PAUSED);
        vm.prank(owner);
        c.acl.grant(pending, cl, outputTerms);
        vm.expectRevert(PAUSED);
        vm.prank(grantee);
        c.acl.reserveTickets(grantId, READ, 1, stranger);
        vm.expectRevert(PAUSED);
        vm.prank(grantee);
        c.permits.proposeJob(t);
        vm.expectRevert(PAUSED);
        vm.prank(grantee);
        c.permits.issueJobPermit(t, 1, 0, new bytes[](0));
    }

    function test_work_under_way_finishes_and_pays() public {
        _pause();
        _postAndAccept(permitId);
        vm.prank(owner);
        c.permits.release(permitId, datasetId, RELEASE, ReleaseClass.Controlled);
        vm.prank(owner);
        vm.assertEq(c.settlement.withdraw(address(c.credits), owner), 600);
        vm.prank(operator);
        vm.assertEq(c.settlement.withdraw(address(c.credits), operator), 300);
    }

    function test_every_exit_works() public {
        _pause();
        uint256 snapshot = vm.snapshotState();

        vm.prank(grantee);
        c.permits.cancel(permitId);
        vm.prank(grantee);
        vm.assertEq(c.settlement.withdraw(address(c.credits), grantee), 1000);
        vm.revertToState(snapshot);

        vm.prank(owner);
        c.acl.revoke(grantId);
        c.permits.voidRevoked(permitId);
        vm.revertToState(snapshot);

        vm.prank(operator);
        c.permits.fail(permitId, "x");
        vm.revertToState(snapshot);

        vm.warp(START + 7 * DAY);
        c.permits.expire(permitId);
        vm.revertToState(snapshot);

        _post(permitId);
        vm.prank(grantee);
        c.permits.challenge(permitId, "why");
        uint256 challenged = vm.snapshotState();
        vm.prank(arbiter);
        c.permits.rule(permitId, false);
        vm.revertToState(challenged);
        vm.warp(START + 3 * DAY);
        c.permits.timeOutRuling(permitId);
        vm.revertToState(snapshot);

        _postAndAccept(permitId);
        vm.warp(c.permits.permitOf(permitId).releaseBy);
        c.permits.lapse(permitId);
        _assertState(permitId, PermitState.Lapsed);
        vm.revertToState(snapshot);

        vm.startPrank(owner);
        c.acl.decline(pending);
        c.acl.revokeAll(datasetId);
        c.datasets.publishVersion(datasetId, VersionReason.Withdraw, keccak256("2"), "");
        c.datasets.withdrawDataset(datasetId);
        vm.stopPrank();
    }

    function test_the_administrator_changes_only_after_its_delay() public {
        c.authority.beginDefaultAdminTransfer(stranger);
        vm.warp(START + 2 * DAY);
        vm.expectRevert();
        vm.prank(stranger);
        c.authority.acceptDefaultAdminTransfer();
        vm.warp(START + 2 * DAY + 1);
        vm.prank(stranger);
        c.authority.acceptDefaultAdminTransfer();
        vm.assertTrue(c.authority.hasRole(Roles.ADMIN, stranger));
        vm.assertFalse(c.authority.hasRole(Roles.ADMIN, admin));
    }

    function _pause() private {
        vm.prank(pauser);
        c.authority.pause();
        vm.assertTrue(c.authority.paused());
    }
}
