// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {CosTest} from "./base/CosTest.sol";
import {vm} from "../script/Vm.sol";
import {IIdentitySBT} from "../src/interfaces/IIdentitySBT.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @notice Invariants 20 to 23.
contract IdentitySBTTest is CosTest {
    address private g1 = vm.addr(0x6001);
    address private g2 = vm.addr(0x6002);
    address private g3 = vm.addr(0x6003);
    address private newHome = vm.addr(0x7001);
    address private otherHome = vm.addr(0x7002);
    uint256 private sbt;

    function setUp() public override {
        super.setUp();
        sbt = c.identity.sbtOf(owner);
        address[] memory guardians = new address[](3);
        (guardians[0], guardians[1], guardians[2]) = (g1, g2, g3);
        vm.prank(owner);
        c.identity.setGuardians(sbt, guardians, 2);
    }

    function test_mint_gives_one_locked_identity() public {
        uint256 id = _mintIdentity(stranger);
        vm.assertEq(id, 3);
        vm.assertEq(c.identity.holderOf(id), stranger);
        vm.assertEq(c.identity.didCommitmentOf(id), keccak256(abi.encode("did", stranger)));
        vm.assertTrue(c.identity.locked(id));
        vm.assertTrue(IERC165(address(c.identity)).supportsInterface(0xb45a3c0e)); // ERC-5192
        vm.assertTrue(IERC165(address(c.identity)).supportsInterface(0x80ac58cd)); // ERC-721
    }

    function test_second_mint_reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_AlreadyHeld.selector, owner, sbt));
        _mintIdentity(owner);
    }

    function test_zero_commitment_reverts() public {
        vm.expectRevert(IIdentitySBT.IdentitySBT_ZeroCommitment.selector);
        vm.prank(stranger);
        c.identity.mint(0);
        vm.expectRevert(IIdentitySBT.IdentitySBT_ZeroCommitment.selector);
        vm.prank(owner);
        c.identity.setDidCommitment(sbt, 0);
    }

    function test_no_transfer_no_approval() public {
        IERC721 token = IERC721(address(c.identity));
        bytes memory locked = abi.encodeWithSelector(IIdentitySBT.IdentitySBT_Locked.selector, sbt);
        vm.startPrank(owner);
        vm.expectRevert(locked);
        token.transferFrom(owner, stranger, sbt);
        vm.expectRevert(locked);
        token.safeTransferFrom(owner, stranger, sbt);
        vm.expectRevert(locked);
        token.approve(stranger, sbt);
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_Locked.selector, 0));
        token.setApprovalForAll(stranger, true);
        vm.stopPrank();
        vm.assertEq(c.identity.holderOf(sbt), owner);
    }

    function test_only_the_holder_changes_the_commitment() public {
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_NotHolder.selector, sbt, stranger));
        vm.prank(stranger);
        c.identity.setDidCommitment(sbt, keccak256("new"));
        vm.prank(owner);
        c.identity.setDidCommitment(sbt, keccak256("new"));
        vm.assertEq(c.identity.didCommitmentOf(sbt), keccak256("new"));
    }

    function test_guardians_must_be_usable() public {
        address[] memory two = new address[](2);
        (two[0], two[1]) = (g1, g1);
        _expectBadGuardians(two, 1); // twice the same
        (two[0], two[1]) = (g1, owner);
        _expectBadGuardians(two, 1); // the holder
        (two[0], two[1]) = (g1, address(0));
        _expectBadGuardians(two, 1);
        (two[0], two[1]) = (g1, g2);
        _expectBadGuardians(two, 0);
        _expectBadGuardians(two, 3);
        vm.prank(owner);
        c.identity.setGuardians(sbt, new address[](0), 0); // none at all
    }

    function test_recovery_needs_threshold_delay_and_moves_everything() public {
        _approve(g1, newHome);
        (address to,) = c.identity.recoveryOf(sbt);
        vm.assertEq(to, address(0));
        _approve(g2, newHome);
        uint64 readyAt = START + 7 * DAY;

        vm.warp(readyAt - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IIdentitySBT.IdentitySBT_RecoveryTooEarly.selector, sbt, readyAt, readyAt - 1)
        );
        c.identity.executeRecovery(sbt);

        vm.warp(readyAt);
        c.identity.executeRecovery(sbt);
        vm.assertEq(c.identity.holderOf(sbt), newHome);
        vm.assertEq(c.identity.sbtOf(newHome), sbt);
        vm.assertEq(c.identity.sbtOf(owner), 0);
        vm.assertTrue(c.identity.movedFrom(sbt, owner));
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_NoRecovery.selector, sbt));
        c.identity.executeRecovery(sbt);
    }

    function test_veto_voids_schedule_and_approvals() public {
        _approve(g1, newHome);
        _approve(g2, newHome);
        vm.prank(owner);
        c.identity.vetoRecovery(sbt);
        vm.warp(START + 8 * DAY);
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_NoRecovery.selector, sbt));
        c.identity.executeRecovery(sbt);
        _approve(g1, newHome); // approvals count from nothing
        (address to,) = c.identity.recoveryOf(sbt);
        vm.assertEq(to, address(0));
    }

    function test_one_guardian_cannot_block_the_others() public {
        _approve(g3, otherHome);
        _approve(g1, newHome);
        _approve(g2, newHome);
        (address to,) = c.identity.recoveryOf(sbt);
        vm.assertEq(to, newHome);
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_RecoveryScheduled.selector, sbt, newHome));
        vm.prank(g3);
        c.identity.approveRecovery(sbt, newHome);
    }

    function test_guardian_checks() public {
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_NotGuardian.selector, sbt, stranger));
        vm.prank(stranger);
        c.identity.approveRecovery(sbt, newHome);
        _approve(g1, newHome);
        vm.expectRevert(
            abi.encodeWithSelector(IIdentitySBT.IdentitySBT_AlreadyApproved.selector, sbt, g1, newHome)
        );
        vm.prank(g1);
        c.identity.approveRecovery(sbt, newHome);
        vm.expectRevert(IIdentitySBT.IdentitySBT_ZeroTarget.selector);
        vm.prank(g1);
        c.identity.approveRecovery(sbt, address(0));
        uint256 granteeSbt = c.identity.sbtOf(grantee);
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_AlreadyHeld.selector, grantee, granteeSbt));
        vm.prank(g1);
        c.identity.approveRecovery(sbt, grantee);
    }

    function test_target_that_took_an_identity_meanwhile_blocks_execution() public {
        _approve(g1, newHome);
        _approve(g2, newHome);
        uint256 taken = _mintIdentity(newHome);
        vm.warp(START + 7 * DAY);
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_AlreadyHeld.selector, newHome, taken));
        c.identity.executeRecovery(sbt);
    }

    function test_burn_ends_the_identity_and_its_guardians() public {
        _approve(g1, newHome);
        _approve(g2, newHome);
        vm.prank(owner);
        c.identity.burn(sbt);
        vm.assertEq(c.identity.holderOf(sbt), address(0));
        vm.assertEq(c.identity.sbtOf(owner), 0);
        vm.assertEq(c.identity.didCommitmentOf(sbt), bytes32(0));
        vm.warp(START + 8 * DAY);
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_NoRecovery.selector, sbt));
        c.identity.executeRecovery(sbt);
        vm.expectRevert(abi.encodeWithSelector(IIdentitySBT.IdentitySBT_NotGuardian.selector, sbt, g1));
        vm.prank(g1);
        c.identity.approveRecovery(sbt, newHome);
        vm.assertEq(_mintIdentity(owner), 3); // a new number, never the old one
    }

    function test_dataset_follows_a_recovered_identity() public {
        uint256 grantId = _grant(_clauses());
        _approve(g1, newHome);
        _approve(g2, newHome);
        vm.warp(START + 7 * DAY);
        c.identity.executeRecovery(sbt);
        vm.assertFalse(c.datasets.isLive(datasetId)); // the key's identity left the token's owner
        c.datasets.followRecovery(datasetId);
        vm.assertEq(c.datasets.ownerOf(datasetId), newHome);
        vm.assertTrue(c.datasets.isLive(datasetId));
        vm.assertEq(uint256(c.acl.standingOf(grantId, 1)), 1); // Allowed again
    }

    function _approve(address guardian, address to) private {
        vm.prank(guardian);
        c.identity.approveRecovery(sbt, to);
    }

    function _expectBadGuardians(address[] memory guardians, uint8 threshold) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IIdentitySBT.IdentitySBT_BadGuardians.selector, guardians.length, uint256(threshold)
            )
        );
        vm.prank(owner);
        c.identity.setGuardians(sbt, guardians, threshold);
    }
}
