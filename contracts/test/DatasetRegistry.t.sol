// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CosTest} from "./base/CosTest.sol";
import {OneSignerWallet} from "./mocks/OneSignerWallet.sol";
import {vm} from "../script/Vm.sol";
import {
    Dataset,
    DatasetStatus,
    DatasetVersion,
    IDatasetRegistry,
    VersionReason
} from "../src/interfaces/IDatasetRegistry.sol";

/// @notice Invariants 24 to 27.
contract DatasetRegistryTest is CosTest {
    function test_register_anchors_identity_and_first_version() public view {
        Dataset memory d = c.datasets.datasetOf(datasetId);
        vm.assertEq(d.ownerSbt, c.identity.sbtOf(owner));
        vm.assertEq(d.contextDigest, CONTEXT);
        vm.assertEq(uint256(d.status), uint256(DatasetStatus.Active));
        vm.assertEq(d.latestVersion, 1);
        DatasetVersion memory v = c.datasets.versionOf(datasetId, 1);
        vm.assertEq(v.parent, 0);
        vm.assertEq(uint256(v.reason), uint256(VersionReason.Initial));
        vm.assertEq(v.effectiveAt, START);
        vm.assertEq(v.manifestCommitment, ROOT);
        vm.assertEq(v.uri, "cos://manifest/1");
        vm.assertEq(c.datasets.ownerOf(datasetId), owner);
    }

    function test_register_needs_identity_digests_and_few_codes() public {
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_NoIdentity.selector, stranger));
        vm.prank(stranger);
        c.datasets.register(ROOT, CONTEXT, new bytes32[](0), "", 0);
        vm.startPrank(owner);
        vm.expectRevert(IDatasetRegistry.DatasetRegistry_ZeroDigest.selector);
        c.datasets.register(0, CONTEXT, new bytes32[](0), "", 0);
        vm.expectRevert(IDatasetRegistry.DatasetRegistry_ZeroDigest.selector);
        c.datasets.register(ROOT, 0, new bytes32[](0), "", 0);
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_TooManyCodes.selector, 33));
        c.datasets.register(ROOT, CONTEXT, new bytes32[](33), "", 0);
        c.datasets.register(ROOT, CONTEXT, new bytes32[](32), "", "CH");
        vm.stopPrank();
    }

    function test_versions_supersede_and_withdrawal_bars_earlier_ones() public {
        _publish(VersionReason.Append, keccak256("2"));
        (uint32 latest, uint32 barrier) = c.datasets.versionBounds(datasetId);
        vm.assertEq(latest, 2);
        vm.assertEq(barrier, 0);
        vm.assertFalse(c.datasets.isBarred(datasetId, 1));

        _publish(VersionReason.Withdraw, keccak256("3"));
        (latest, barrier) = c.datasets.versionBounds(datasetId);
        vm.assertEq(latest, 3);
        vm.assertEq(barrier, 3);
        vm.assertTrue(c.datasets.isBarred(datasetId, 2));
        vm.assertFalse(c.datasets.isBarred(datasetId, 3));

        _publish(VersionReason.Correct, keccak256("4"));
        (, barrier) = c.datasets.versionBounds(datasetId);
        vm.assertEq(barrier, 3);
        _publish(VersionReason.Consent, keccak256("5"));
        (, barrier) = c.datasets.versionBounds(datasetId);
        vm.assertEq(barrier, 5);
        vm.assertEq(c.datasets.versionOf(datasetId, 5).parent, 4);
        vm.assertEq(c.datasets.rootOf(datasetId, 4), keccak256("4"));
    }

    function test_publish_refusals() public {
        bytes memory notOwner =
            abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_NotOwner.selector, datasetId, stranger);
        vm.expectRevert(notOwner);
        vm.prank(stranger);
        c.datasets.publishVersion(datasetId, VersionReason.Append, ROOT, "");
        _expectBadReason(VersionReason.None);
        _expectBadReason(VersionReason.Initial);
        vm.expectRevert(IDatasetRegistry.DatasetRegistry_ZeroDigest.selector);
        vm.prank(owner);
        c.datasets.publishVersion(datasetId, VersionReason.Append, 0, "");
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_UnknownVersion.selector, datasetId, uint32(2))
        );
        c.datasets.versionOf(datasetId, 2);
    }

    function test_status_pauses_and_resumes_withdrawn_is_final() public {
        vm.startPrank(owner);
        c.datasets.setStatus(datasetId, DatasetStatus.Paused);
        vm.assertFalse(c.datasets.isLive(datasetId));
        c.datasets.setStatus(datasetId, DatasetStatus.Active);
        vm.assertTrue(c.datasets.isLive(datasetId));
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_BadStatus.selector, DatasetStatus.Withdrawn)
        );
        c.datasets.setStatus(datasetId, DatasetStatus.Withdrawn);

        c.datasets.withdrawDataset(datasetId);
        vm.assertFalse(c.datasets.isLive(datasetId));
        vm.assertTrue(c.datasets.isBarred(datasetId, 1));
        bytes memory withdrawn =
            abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_Withdrawn.selector, datasetId);
        vm.expectRevert(withdrawn);
        c.datasets.setStatus(datasetId, DatasetStatus.Active);
        vm.expectRevert(withdrawn);
        c.datasets.publishVersion(datasetId, VersionReason.Append, ROOT, "");
        vm.expectRevert(withdrawn);
        c.datasets.withdrawDataset(datasetId);
        vm.stopPrank();
    }

    function test_transfer_suspends_until_confirmed_by_an_identity() public {
        vm.prank(owner);
        c.datasets.transferFrom(owner, stranger, datasetId);
        vm.assertFalse(c.datasets.isLive(datasetId));
        vm.assertEq(c.datasets.confirmedOwnerOf(datasetId), address(0));
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_TransferPending.selector, datasetId)
        );
        vm.prank(stranger);
        c.datasets.publishVersion(datasetId, VersionReason.Append, ROOT, "");

        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_NoIdentity.selector, stranger));
        vm.prank(stranger);
        c.datasets.confirmOwnership(datasetId);

        uint256 sbtId = _mintIdentity(stranger);
        vm.prank(stranger);
        c.datasets.confirmOwnership(datasetId);
        vm.assertTrue(c.datasets.isLive(datasetId));
        vm.assertEq(c.datasets.datasetOf(datasetId).ownerSbt, sbtId);
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_NothingPending.selector, datasetId)
        );
        vm.prank(stranger);
        c.datasets.confirmOwnership(datasetId);
    }

    function test_burned_owner_identity_suspends() public {
        uint256 sbtId = c.identity.sbtOf(owner);
        vm.prank(owner);
        c.identity.burn(sbtId);
        vm.assertFalse(c.datasets.isLive(datasetId));
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_NotRecovered.selector, datasetId, owner)
        );
        c.datasets.followRecovery(datasetId);
    }

    function test_seller_cannot_take_a_dataset_back_by_recovery() public {
        address[] memory guardians = new address[](1);
        guardians[0] = vm.addr(0x6001);
        uint256 sbtId = c.identity.sbtOf(owner);
        vm.startPrank(owner);
        c.identity.setGuardians(sbtId, guardians, 1);
        c.datasets.transferFrom(owner, grantee, datasetId);
        vm.stopPrank();
        vm.prank(grantee);
        c.datasets.confirmOwnership(datasetId);
        vm.prank(guardians[0]);
        c.identity.approveRecovery(sbtId, vm.addr(0x7001));
        vm.warp(START + 7 * DAY);
        c.identity.executeRecovery(sbtId);
        vm.expectRevert(
            abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_NotRecovered.selector, datasetId, grantee)
        );
        c.datasets.followRecovery(datasetId);
    }

    function test_contract_wallet_owns_and_publishes() public {
        OneSignerWallet wallet = new OneSignerWallet(stranger);
        vm.startPrank(stranger);
        wallet.call(address(c.identity), abi.encodeCall(c.identity.mint, (keccak256("wallet"))));
        bytes memory answer = wallet.call(
            address(c.datasets),
            abi.encodeCall(c.datasets.register, (ROOT, CONTEXT, new bytes32[](0), "", bytes32(0)))
        );
        vm.stopPrank();
        vm.assertEq(c.datasets.ownerOf(abi.decode(answer, (uint256))), address(wallet));
    }

    function test_unknown_dataset() public {
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_Unknown.selector, 99));
        c.datasets.datasetOf(99);
        vm.assertFalse(c.datasets.isLive(99));
        vm.assertEq(c.datasets.confirmedOwnerOf(99), address(0));
        vm.assertEq(c.datasets.rootOf(99, 1), bytes32(0));
    }

    function _publish(VersionReason reason, bytes32 commitment) private {
        vm.prank(owner);
        c.datasets.publishVersion(datasetId, reason, commitment, "cos://manifest/n");
    }

    function _expectBadReason(VersionReason reason) private {
        vm.expectRevert(abi.encodeWithSelector(IDatasetRegistry.DatasetRegistry_BadReason.selector, reason));
        vm.prank(owner);
        c.datasets.publishVersion(datasetId, reason, ROOT, "");
    }
}
