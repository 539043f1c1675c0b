// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PaidPermitScene} from "./base/PaidPermitScene.sol";
import {DeploymentConfig} from "../script/Deployment.sol";
import {vm, Vm} from "../script/Vm.sol";
import {DatasetStatus, VersionReason} from "../src/interfaces/IDatasetRegistry.sol";
import {IJobPermits} from "../src/interfaces/IJobPermits.sol";
import {IUsageLog} from "../src/interfaces/IUsageLog.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {Clauses, Counters, Reason} from "../src/types/GrantTypes.sol";
import {Permit, PermitState, RefundReason, ReleaseClass, Terms} from "../src/types/PermitTypes.sol";

/// @notice Every transition, with the money worked out by hand. Planned in JobPermitsLife.tree.
contract JobPermitsLifeTest is PaidPermitScene {
    // Posting

    function test_post_moves_no_money_and_logs_the_use() public {
        vm.recordLogs();
        _post(permitId);
        _assertState(permitId, PermitState.Posted);
        Permit memory p = c.permits.permitOf(permitId);
        vm.assertEq(p.challengeEnds, START + 1 hours);
        vm.assertEq(p.resultCommitment, RESULT);
        (, uint256 locked) = c.settlement.lockOf(address(c.permits), permitId);
        vm.assertEq(locked, 1000);
        vm.assertTrue(c.usageLog.isRecorded(grantId, permitId));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 2);
        vm.assertEq(logs[1].topics[0], IUsageLog.Used.selector);
        vm.assertEq(logs[1].topics[2], permitId);
    }

    function test_posting_again_is_a_no_op_and_another_commitment_reverts() public {
        _post(permitId);
        vm.recordLogs();
        vm.warp(START + 30 * DAY); // even late
        _post(permitId);
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobPermits.JobPermits_CommitmentConflict.selector, permitId, RESULT, bytes32("other")
            )
        );
        vm.prank(operator);
        c.permits.postResult(permitId, "other", "");
    }

    function test_post_on_both_sides_of_expiry() public {
        vm.warp(START + 7 * DAY);
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobPermits.JobPermits_Expired.selector, permitId, START + 7 * DAY, START + 7 * DAY
            )
        );
        _post(permitId);
        vm.warp(START + 7 * DAY - 1);
        _post(permitId);
        _assertState(permitId, PermitState.Posted);
    }

    function test_post_needs_the_named_operator_in_office() public {
        vm.expectRevert(_missingRole(stranger, Roles.SETTLER));
        vm.prank(stranger);
        c.permits.postResult(permitId, RESULT, "");
        c.authority.grantRole(Roles.SETTLER, stranger);
        bytes memory notOperator =
            abi.encodeWithSelector(IJobPermits.JobPermits_NotOperator.selector, permitId, stranger);
        vm.expectRevert(notOperator);
        vm.prank(stranger);
        c.permits.postResult(permitId, RESULT, "");
        vm.expectRevert(notOperator);
        vm.prank(stranger);
        c.permits.fail(permitId, 0);
        c.authority.revokeRole(Roles.SETTLER, operator);
        vm.expectRevert(_missingRole(operator, Roles.SETTLER));
        _post(permitId);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_ZeroCommitment.selector, permitId));
        vm.prank(stranger);
        c.permits.postResult(permitId, 0, "");
    }

    // Races: post against revoke

    function test_revoked_first_post_reverts_and_anyone_voids() public {
        vm.prank(owner);
        c.acl.revoke(grantId);
        vm.expectRevert(
            abi.encodeWithSelector(IJobPermits.JobPermits_GrantNotLive.selector, permitId, grantId, Reason.Revoked)
        );
        _post(permitId);
        vm.prank(stranger);
        c.permits.voidRevoked(permitId);
        _assertRefunded(1000, 0);
    }

    function test_posted_first_the_owners_veto_is_not_releasing() public {
        _post(permitId);
        vm.prank(owner);
        c.acl.revoke(grantId);
        vm.warp(START + 1 hours);
        c.permits.accept(permitId);
        vm.assertEq(_balance(operator), 300);
        vm.warp(START + 1 hours + 7 * DAY);
        c.permits.lapse(permitId);
        vm.assertEq(_balance(grantee), 600);
        vm.assertEq(_balance(owner), 0);
    }

    function test_every_suspension_voids() public {
        bytes memory live = abi.encodeWithSelector(IJobPermits.JobPermits_GrantsLive.selector, permitId);
        vm.expectRevert(live);
        c.permits.voidRevoked(permitId);
        uint256 snapshot = vm.snapshotState();
        uint256 granteeSbt = c.identity.sbtOf(grantee);
        uint256 ownerSbt = c.identity.sbtOf(owner);

        vm.prank(owner);
        c.acl.revokeAll(datasetId);
        _voidsThenBack(snapshot);
        vm.prank(owner);
        c.datasets.setStatus(datasetId, DatasetStatus.Paused);
        _voidsThenBack(snapshot);
        vm.prank(owner);
        c.datasets.withdrawDataset(datasetId);
        _voidsThenBack(snapshot);
        vm.prank(owner);
        c.datasets.transferFrom(owner, stranger, datasetId);
        _voidsThenBack(snapshot);
        vm.prank(owner);
        c.datasets.publishVersion(datasetId, VersionReason.Withdraw, keccak256("2"), "");
        _voidsThenBack(snapshot);
        vm.prank(owner);
        c.datasets.publishVersion(datasetId, VersionReason.Consent, keccak256("2"), "");
        _voidsThenBack(snapshot);
        vm.prank(grantee);
        c.identity.burn(granteeSbt);
        _voidsThenBack(snapshot);
        vm.prank(owner);
        c.identity.burn(ownerSbt);
        _voidsThenBack(snapshot);

        // Appending and correcting do not.
        vm.startPrank(owner);
        c.datasets.publishVersion(datasetId, VersionReason.Append, keccak256("2"), "");
        c.datasets.publishVersion(datasetId, VersionReason.Correct, keccak256("3"), "");
        vm.stopPrank();
        vm.expectRevert(live);
        c.permits.voidRevoked(permitId);
        _post(permitId);
    }

    // Refunds and the work fee

    function test_cancel_is_the_grantees() public {
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotGrantee.selector, permitId, owner));
        vm.prank(owner);
        c.permits.cancel(permitId);
    }

    function test_cancel_within_grace_is_free() public {
        vm.warp(START + 1 hours - 1);
        vm.prank(grantee);
        c.permits.cancel(permitId);
        _assertRefunded(1000, 0);
    }

    function test_cancel_from_the_end_of_grace_costs_the_work_fee() public {
        vm.warp(START + 1 hours);
        vm.prank(grantee);
        c.permits.cancel(permitId);
        _assertRefunded(750, 250);
    }

    function test_cancel_until_expiry_costs_and_from_expiry_is_free() public {
        uint256 snapshot = vm.snapshotState();
        vm.warp(START + 7 * DAY - 1);
        vm.prank(grantee);
        c.permits.cancel(permitId);
        _assertRefunded(750, 250);
        vm.revertToState(snapshot);
        vm.warp(START + 7 * DAY);
        vm.prank(grantee);
        c.permits.cancel(permitId);
        _assertRefunded(1000, 0);
    }

    function test_revoked_after_grace_costs_the_work_fee() public {
        vm.warp(START + 1 hours);
        vm.prank(owner);
        c.acl.revoke(grantId);
        c.permits.voidRevoked(permitId);
        _assertRefunded(750, 250);
    }

    /// @dev A work fee may exceed compute and author shares, up to the whole fee.
    function test_work_fee_as_large_as_the_fee() public {
        Clauses memory cl = _paidClauses();
        cl.workFee = 1000;
        bytes32 id = _issue(_terms(_grant(cl)));
        vm.warp(START + 1 hours);
        vm.prank(grantee);
        c.permits.cancel(id);
        vm.assertEq(_balance(operator), 1000);
        vm.assertEq(_balance(grantee), 0);
    }

    function test_expire_on_both_sides() public {
        vm.warp(START + 7 * DAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobPermits.JobPermits_NotExpired.selector, permitId, START + 7 * DAY, START + 7 * DAY - 1
            )
        );
        c.permits.expire(permitId);
        vm.warp(START + 7 * DAY);
        vm.prank(stranger);
        c.permits.expire(permitId);
        _assertRefunded(1000, 0);
    }

    function test_fail_refunds_everything_even_late() public {
        vm.warp(START + 2 hours);
        vm.expectEmit(address(c.permits));
        emit IJobPermits.JobRefunded(permitId, grantee, RefundReason.Failed, 1000, 0, "OVERFLOW");
        vm.prank(operator);
        c.permits.fail(permitId, "OVERFLOW");
        _assertRefunded(1000, 0);
    }

    // Accepting

    function test_accept_on_both_sides_of_the_challenge_window() public {
        _post(permitId);
        vm.warp(START + 1 hours - 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobPermits.JobPermits_StillChallengeable.selector, permitId, START + 1 hours, 0, 2
            )
        );
        c.permits.accept(permitId);
        vm.warp(START + 1 hours);
        vm.prank(stranger);
        c.permits.accept(permitId);
        _assertState(permitId, PermitState.Accepted);
        vm.assertEq(_balance(operator), 300);
        vm.assertEq(_balance(author), 100);
        vm.assertEq(_balance(owner), 0);
        vm.assertEq(c.permits.permitOf(permitId).releaseBy, START + 1 hours + 7 * DAY);
        Counters memory n = c.acl.countersOf(grantId);
        vm.assertEq(n.runsReserved, 0);
        vm.assertEq(n.runsUsed, 1);
    }

    function test_a_window_of_zero_trusts_the_operator() public {
        Terms memory t = _terms(grantId);
        t.challengeWindow = 0;
        bytes32 id = _issue(t);
        _post(id);
        c.permits.accept(id);
        _assertState(id, PermitState.Accepted);
    }

    function test_matching_replicas_shorten_the_window() public {
        _post(permitId);
        _attest(worker, RESULT);
        vm.expectRevert();
        c.permits.accept(permitId);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_AlreadyAttested.selector, permitId, worker));
        _attest(worker, RESULT);
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobPermits.JobPermits_CommitmentConflict.selector, permitId, RESULT, bytes32("other")
            )
        );
        _attest(worker2, "other");
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotAttester.selector, stranger));
        _attest(stranger, RESULT);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotAttester.selector, operator));
        _attest(operator, RESULT);
        _attest(worker2, RESULT);
        c.permits.accept(permitId);
        _assertState(permitId, PermitState.Accepted);
    }

    function test_zero_replicas_never_shorten() public {
        Terms memory t = _terms(grantId);
        t.replicas = 0;
        bytes32 id = _issue(t);
        _post(id);
        vm.expectRevert();
        c.permits.accept(id);
        vm.prank(worker);
        c.permits.attestReplica(id, RESULT);
        vm.expectRevert();
        c.permits.accept(id);
    }

    // Challenging without a bond

    function test_challenge_on_both_sides_by_parties_only() public {
        _post(permitId);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotChallenger.selector, permitId, stranger));
        vm.prank(stranger);
        c.permits.challenge(permitId, "why");
        vm.warp(START + 1 hours);
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobPermits.JobPermits_ChallengeOver.selector, permitId, START + 1 hours, START + 1 hours
            )
        );
        vm.prank(grantee);
        c.permits.challenge(permitId, "why");
        vm.warp(START + 1 hours - 1);
        uint256 snapshot = vm.snapshotState();
        vm.prank(grantee);
        c.permits.challenge(permitId, "why");
        _assertState(permitId, PermitState.Challenged);
        vm.assertEq(c.permits.permitOf(permitId).ruleBy, START + 1 hours - 1 + 3 * DAY);
        vm.revertToState(snapshot);
        vm.prank(owner);
        c.permits.challenge(permitId, "why");
        _assertState(permitId, PermitState.Challenged);
    }

    function test_ruling_on_both_sides_of_its_window() public {
        _challenge();
        uint64 ruleBy = START + 3 * DAY;
        vm.expectRevert(_missingRole(owner, Roles.ARBITER));
        vm.prank(owner);
        c.permits.rule(permitId, true);
        vm.warp(ruleBy - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IJobPermits.JobPermits_RulingOpen.selector, permitId, ruleBy, ruleBy - 1)
        );
        c.permits.timeOutRuling(permitId);
        uint256 snapshot = vm.snapshotState();
        _rule(true);
        _assertState(permitId, PermitState.Accepted);
        vm.assertEq(_balance(operator), 300);
        vm.revertToState(snapshot);
        _rule(false);
        _assertRefunded(1000, 0);
        vm.revertToState(snapshot);
        vm.warp(ruleBy);
        vm.expectRevert(
            abi.encodeWithSelector(IJobPermits.JobPermits_RulingOver.selector, permitId, ruleBy, ruleBy)
        );
        _rule(true);
        c.permits.timeOutRuling(permitId);
        _assertRefunded(1000, 0);
    }

    // Releasing and lapsing

    function test_release_pays_the_data_share_once() public {
        _postAndAccept(permitId);
        vm.expectEmit(address(c.permits));
        emit IJobPermits.JobReleased(permitId, datasetId, owner, RELEASE, ReleaseClass.Controlled, 600, true);
        _release(owner);
        _assertState(permitId, PermitState.Released);
        vm.assertEq(_balance(owner), 600);
        (, uint256 locked) = c.settlement.lockOf(address(c.permits), permitId);
        vm.assertEq(locked, 0);
    }

    function test_release_refusals() public {
        _postAndAccept(permitId);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotOwner.selector, datasetId, grantee));
        _release(grantee);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NoSuchDataset.selector, permitId, 99));
        vm.prank(owner);
        c.permits.release(permitId, 99, RELEASE, ReleaseClass.Controlled);
        bytes4 bad = IJobPermits.JobPermits_BadRelease.selector;
        vm.expectRevert(abi.encodeWithSelector(bad, permitId, ReleaseClass.None, RELEASE));
        vm.prank(owner);
        c.permits.release(permitId, datasetId, RELEASE, ReleaseClass.None);
        vm.expectRevert(abi.encodeWithSelector(bad, permitId, ReleaseClass.Sensitive, bytes32(0)));
        vm.prank(owner);
        c.permits.release(permitId, datasetId, 0, ReleaseClass.Sensitive);
    }

    function test_withdrawal_after_posting_bars_the_release() public {
        _postAndAccept(permitId);
        vm.prank(owner);
        c.datasets.publishVersion(datasetId, VersionReason.Withdraw, keccak256("2"), "");
        vm.expectRevert(
            abi.encodeWithSelector(IJobPermits.JobPermits_ReleaseBarred.selector, permitId, datasetId, 1)
        );
        _release(owner);
        vm.warp(c.permits.permitOf(permitId).releaseBy);
        c.permits.lapse(permitId);
        vm.assertEq(_balance(grantee), 600);
    }

    function test_withdrawn_dataset_bars_the_release() public {
        _postAndAccept(permitId);
        vm.prank(owner);
        c.datasets.withdrawDataset(datasetId);
        vm.expectRevert(
            abi.encodeWithSelector(IJobPermits.JobPermits_ReleaseBarred.selector, permitId, datasetId, 1)
        );
        _release(owner);
    }

    function test_a_new_owner_releases_once_confirmed() public {
        _postAndAccept(permitId);
        _mintIdentity(stranger);
        vm.prank(owner);
        c.datasets.transferFrom(owner, stranger, datasetId);
        bytes4 notOwner = IJobPermits.JobPermits_NotOwner.selector;
        vm.expectRevert(abi.encodeWithSelector(notOwner, datasetId, owner));
        _release(owner);
        vm.expectRevert(abi.encodeWithSelector(notOwner, datasetId, stranger));
        _release(stranger);
        vm.prank(stranger);
        c.datasets.confirmOwnership(datasetId);
        _release(stranger);
        vm.assertEq(_balance(stranger), 600);
    }

    function test_release_and_lapse_share_their_boundary() public {
        _postAndAccept(permitId);
        uint64 releaseBy = c.permits.permitOf(permitId).releaseBy;
        vm.warp(releaseBy - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IJobPermits.JobPermits_ReleaseOpen.selector, permitId, releaseBy, releaseBy - 1)
        );
        c.permits.lapse(permitId);
        uint256 snapshot = vm.snapshotState();
        _release(owner);
        _assertState(permitId, PermitState.Released);
        vm.revertToState(snapshot);
        vm.warp(releaseBy);
        vm.expectRevert(
            abi.encodeWithSelector(IJobPermits.JobPermits_ReleaseOver.selector, permitId, releaseBy, releaseBy)
        );
        _release(owner);
        vm.prank(stranger);
        c.permits.lapse(permitId);
        _assertState(permitId, PermitState.Lapsed);
        vm.assertEq(_balance(grantee), 600);
    }

    function test_two_owners_release_part_by_part() public {
        (bytes32 id, uint256 second) = _issueOverTwo();
        _postAndAccept(id);
        vm.assertEq(_balance(operator), 600);
        vm.prank(owner);
        c.permits.release(id, datasetId, RELEASE, ReleaseClass.Controlled);
        _assertState(id, PermitState.Accepted);
        vm.assertEq(_balance(owner), 600);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_AlreadyReleased.selector, id, datasetId));
        vm.prank(owner);
        c.permits.release(id, datasetId, RELEASE, ReleaseClass.Controlled);
        uint256 snapshot = vm.snapshotState();
        vm.prank(stranger);
        c.permits.release(id, second, RELEASE, ReleaseClass.OpenDeposit);
        _assertState(id, PermitState.Released);
        vm.assertEq(_balance(stranger), 600);
        vm.revertToState(snapshot);
        vm.warp(c.permits.permitOf(id).releaseBy);
        c.permits.lapse(id);
        _assertState(id, PermitState.Lapsed);
        vm.assertEq(_balance(grantee), 600); // the second share only
        vm.assertEq(_balance(owner), 600);
    }

    function test_one_fallen_grant_of_two_voids_the_permit() public {
        (bytes32 id, uint256 second) = _issueOverTwo();
        vm.prank(stranger);
        c.datasets.setStatus(second, DatasetStatus.Paused);
        vm.expectRevert();
        _post(id);
        c.permits.voidRevoked(id);
        vm.assertEq(_balance(grantee), 2000);
        vm.assertEq(c.acl.countersOf(grantId).runsReserved, 1); // that of the other permit
    }

    // Helpers

    function _issueOverTwo() private returns (bytes32 id, uint256 second) {
        _mintIdentity(stranger);
        second = _registerDataset(stranger);
        Clauses memory cl = _paidClauses();
        cl.datasetId = second;
        uint256[] memory grantIds = new uint256[](2);
        grantIds[0] = grantId;
        grantIds[1] = _grant(cl);
        id = _issue(_termsOver(grantIds));
    }

    function _voidsThenBack(uint256 snapshot) private {
        vm.expectRevert();
        _post(permitId);
        vm.prank(stranger);
        c.permits.voidRevoked(permitId);
        _assertRefunded(1000, 0);
        vm.revertToState(snapshot);
    }

    function _challenge() internal {
        _post(permitId);
        vm.prank(grantee);
        c.permits.challenge(permitId, "why");
    }

    function _attest(address who, bytes32 commitment) private {
        vm.prank(who);
        c.permits.attestReplica(permitId, commitment);
    }

    function _release(address who) private {
        vm.prank(who);
        c.permits.release(permitId, datasetId, RELEASE, ReleaseClass.Controlled);
    }
}

/// @notice The bond of a challenge follows the ruling.
contract JobPermitsBondTest is PaidPermitScene {
    function _config() internal view override returns (DeploymentConfig memory config) {
        config = super._config();
        config.bondInCredits = true;
        config.bondAmount = 50;
    }

    function setUp() public override {
        super.setUp();
        c.credits.mint(stranger, 50);
        vm.prank(stranger);
        c.credits.approve(address(c.settlement), 50);
    }

    function test_bond_goes_to_the_operator_when_the_result_stands() public {
        _challengeWithBond();
        _rule(true);
        vm.assertEq(_balance(operator), 350);
        vm.assertEq(_balance(stranger), 0);
        _assertNothingHeldBack();
    }

    function test_bond_goes_back_when_the_challenge_is_upheld() public {
        _challengeWithBond();
        _rule(false);
        vm.assertEq(_balance(stranger), 50);
        _assertRefunded(1000, 0);
    }

    function test_bond_goes_back_when_nobody_rules() public {
        _challengeWithBond();
        vm.warp(START + 3 * DAY);
        c.permits.timeOutRuling(permitId);
        vm.assertEq(_balance(stranger), 50);
        _assertRefunded(1000, 0);
    }

    function _challengeWithBond() private {
        _post(permitId);
        vm.prank(stranger);
        c.permits.challenge(permitId, "why");
        vm.assertEq(c.credits.balanceOf(stranger), 0);
    }

    function _assertNothingHeldBack() private view {
        uint256 credited = _balance(operator) + _balance(author);
        (, uint256 locked) = c.settlement.lockOf(address(c.permits), permitId);
        vm.assertEq(credited + locked, 1050);
        vm.assertEq(c.settlement.owed(address(c.credits)), 1050);
    }
}
