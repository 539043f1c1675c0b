// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CosTest} from "./base/CosTest.sol";
import {vm} from "../script/Vm.sol";
import {AlgorithmState, IAlgorithmRegistry} from "../src/interfaces/IAlgorithmRegistry.sol";
import {IRegionOracle} from "../src/interfaces/IRegionOracle.sol";
import {IUsageLog, Use} from "../src/interfaces/IUsageLog.sol";
import {ContractRegistry} from "../src/ContractRegistry.sol";
import {Roles} from "../src/libraries/Roles.sol";

contract AlgorithmRegistryTest is CosTest {
    bytes32 private constant P2 = keccak256("program 2");

    function setUp() public override {
        super.setUp();
        vm.prank(author);
        c.algorithms.register(P2, address(0), 0, "cos://p2");
    }

    function test_register_proposes_once() public {
        vm.assertEq(uint256(c.algorithms.stateOf(P2)), uint256(AlgorithmState.Proposed));
        vm.expectRevert(
            abi.encodeWithSelector(IAlgorithmRegistry.AlgorithmRegistry_AlreadyRegistered.selector, P2, author)
        );
        vm.prank(stranger);
        c.algorithms.register(P2, address(0), 0, "");
        vm.expectRevert(IAlgorithmRegistry.AlgorithmRegistry_ZeroId.selector);
        c.algorithms.register(0, address(0), 0, "");
    }

    function test_fee_needs_token_and_author() public {
        bytes4 badFee = IAlgorithmRegistry.AlgorithmRegistry_BadFee.selector;
        vm.startPrank(author);
        vm.expectRevert(abi.encodeWithSelector(badFee, address(0), uint128(1)));
        c.algorithms.setFee(P2, address(0), 1);
        vm.expectRevert(abi.encodeWithSelector(badFee, address(c.credits), uint128(0)));
        c.algorithms.setFee(P2, address(c.credits), 0);
        c.algorithms.setFee(P2, address(c.credits), 7);
        vm.stopPrank();
        vm.assertEq(c.algorithms.algorithmOf(P2).fee, 7);
        vm.expectRevert(
            abi.encodeWithSelector(IAlgorithmRegistry.AlgorithmRegistry_NotAuthor.selector, P2, stranger)
        );
        vm.prank(stranger);
        c.algorithms.setFee(P2, address(0), 0);
    }

    function test_only_a_curator_changes_states() public {
        vm.expectRevert(_missingRole(author, Roles.CURATOR));
        vm.prank(author);
        c.algorithms.setState(P2, AlgorithmState.Approved);
    }

    /// @dev Every pair of states, against the list in the interface.
    function test_every_transition() public {
        for (uint8 from = 1; from <= 4; ++from) {
            for (uint8 to = 0; to <= 4; ++to) {
                uint256 snapshot = vm.snapshotState();
                _bring(AlgorithmState(from));
                bool allowed = (from == 1 && (to == 2 || to == 0 || to == 4))
                    || (from == 2 && (to == 3 || to == 4)) || (from == 3 && (to == 2 || to == 4));
                if (!allowed) {
                    vm.expectRevert(
                        abi.encodeWithSelector(
                            IAlgorithmRegistry.AlgorithmRegistry_BadTransition.selector, P2, from, to
                        )
                    );
                }
                vm.prank(curator);
                c.algorithms.setState(P2, AlgorithmState(to));
                vm.assertEq(uint256(c.algorithms.stateOf(P2)), allowed ? to : from);
                vm.revertToState(snapshot);
            }
        }
    }

    function test_a_removed_proposal_may_be_made_by_its_true_author() public {
        vm.prank(curator);
        c.algorithms.setState(P2, AlgorithmState.None);
        vm.expectRevert(abi.encodeWithSelector(IAlgorithmRegistry.AlgorithmRegistry_Unknown.selector, P2));
        c.algorithms.algorithmOf(P2);
        vm.prank(stranger);
        c.algorithms.register(P2, address(0), 0, "");
        vm.assertEq(c.algorithms.algorithmOf(P2).author, stranger);
    }

    function _bring(AlgorithmState state) private {
        if (state == AlgorithmState.Proposed) return;
        vm.startPrank(curator);
        c.algorithms.setState(P2, AlgorithmState.Approved);
        if (state != AlgorithmState.Approved) c.algorithms.setState(P2, state);
        vm.stopPrank();
    }
}

contract RegionOracleTest is CosTest {
    function test_attestation_holds_until_expiry_exclusive() public {
        vm.prank(oracle);
        c.regions.attest(operator, "CH", START + 10);
        vm.assertTrue(c.regions.isIn(operator, "CH", START + 9));
        vm.assertFalse(c.regions.isIn(operator, "CH", START + 10));
        vm.assertFalse(c.regions.isIn(operator, "DE", START));
        vm.assertFalse(c.regions.isIn(operator, 0, START));
        vm.prank(oracle);
        c.regions.revoke(operator);
        vm.assertFalse(c.regions.isIn(operator, "CH", START));
    }

    function test_an_operator_may_work_in_several_regions_until_all_are_revoked() public {
        vm.startPrank(oracle);
        c.regions.attest(operator, "CH", START + 10);
        c.regions.attest(operator, "DE", START + 20);
        vm.assertTrue(c.regions.isIn(operator, "CH", START + 9));
        vm.assertTrue(c.regions.isIn(operator, "DE", START + 19));
        c.regions.attest(operator, "CH", START + 5);
        vm.assertFalse(c.regions.isIn(operator, "CH", START + 5));
        (bytes32 last, uint64 expiry) = c.regions.attestationOf(operator);
        vm.assertEq(last, "CH");
        vm.assertEq(expiry, START + 5);
        c.regions.revoke(operator);
        vm.assertFalse(c.regions.isIn(operator, "CH", START));
        vm.assertFalse(c.regions.isIn(operator, "DE", START));
        c.regions.attest(operator, "DE", START + 20);
        vm.assertTrue(c.regions.isIn(operator, "DE", START + 19));
        vm.assertFalse(c.regions.isIn(operator, "CH", START));
        vm.stopPrank();
    }

    function test_refusals() public {
        vm.expectRevert(_missingRole(stranger, Roles.ORACLE));
        vm.prank(stranger);
        c.regions.attest(operator, "CH", START + 10);
        vm.expectRevert(_missingRole(stranger, Roles.ORACLE));
        vm.prank(stranger);
        c.regions.revoke(operator);
        bytes4 bad = IRegionOracle.RegionOracle_BadAttestation.selector;
        vm.startPrank(oracle);
        vm.expectRevert(abi.encodeWithSelector(bad, operator, bytes32("CH"), START));
        c.regions.attest(operator, "CH", START);
        vm.expectRevert(abi.encodeWithSelector(bad, operator, bytes32(0), START + 1));
        c.regions.attest(operator, 0, START + 1);
        vm.expectRevert(abi.encodeWithSelector(bad, address(0), bytes32("CH"), START + 1));
        c.regions.attest(address(0), "CH", START + 1);
        vm.stopPrank();
    }
}

/// @notice Invariant 28.
contract UsageLogTest is CosTest {
    address private recorder = vm.addr(0x10);

    function setUp() public override {
        super.setUp();
        c.authority.grantRole(Roles.USAGE, recorder);
    }

    function test_a_use_counts_once() public {
        vm.startPrank(recorder);
        vm.assertTrue(c.usageLog.record(_use(1)));
        vm.recordLogs();
        vm.assertFalse(c.usageLog.record(_use(1)));
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.assertTrue(c.usageLog.record(_use(2)));
        vm.stopPrank();
        vm.assertTrue(c.usageLog.isRecorded(7, bytes32(uint256(1))));
        vm.assertFalse(c.usageLog.isRecorded(8, bytes32(uint256(1))));
    }

    function test_batch_counts_once_and_proves_members() public {
        bytes32 left = c.usageLog.leafOf(_use(1));
        bytes32 right = c.usageLog.leafOf(_use(2));
        bytes32 root =
            left < right ? keccak256(abi.encodePacked(left, right)) : keccak256(abi.encodePacked(right, left));
        vm.startPrank(recorder);
        uint256 id = c.usageLog.recordBatch(root, 2, START, START + 60, "cos://uses/1");
        vm.assertEq(id, 1);
        vm.assertEq(c.usageLog.recordBatch(root, 2, START, START + 60, "cos://uses/1"), 1);
        vm.stopPrank();
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = right;
        vm.assertTrue(c.usageLog.isInBatch(1, left, proof));
        vm.assertFalse(c.usageLog.isInBatch(1, c.usageLog.leafOf(_use(3)), proof));
        vm.assertFalse(c.usageLog.isInBatch(2, left, proof));
    }

    function test_refusals() public {
        vm.expectRevert(_missingRole(stranger, Roles.USAGE));
        vm.prank(stranger);
        c.usageLog.record(_use(1));
        vm.expectRevert(_missingRole(stranger, Roles.USAGE));
        vm.prank(stranger);
        c.usageLog.recordBatch("r", 1, 0, 0, "");
        bytes4 bad = IUsageLog.UsageLog_BadBatch.selector;
        vm.startPrank(recorder);
        vm.expectRevert(abi.encodeWithSelector(bad, bytes32(0), uint32(1), uint64(0), uint64(1)));
        c.usageLog.recordBatch(0, 1, 0, 1, "");
        vm.expectRevert(abi.encodeWithSelector(bad, bytes32("r"), uint32(0), uint64(0), uint64(1)));
        c.usageLog.recordBatch("r", 0, 0, 1, "");
        vm.expectRevert(abi.encodeWithSelector(bad, bytes32("r"), uint32(1), uint64(2), uint64(1)));
        c.usageLog.recordBatch("r", 1, 2, 1, "");
        vm.stopPrank();
    }

    function _use(uint256 id) private view returns (Use memory) {
        return Use({
            useId: bytes32(id),
            grantId: 7,
            datasetId: datasetId,
            grantee: grantee,
            op: READ,
            purposeHash: PURPOSE,
            usedAt: START
        });
    }
}

contract ContractRegistryTest is CosTest {
    function test_versions_count_up() public {
        (address addr, uint32 version) = c.registry.latest("JobPermits");
        vm.assertEq(addr, address(c.permits));
        vm.assertEq(version, 1);
        c.registry.publish("JobPermits", address(c.acl));
        (addr, version) = c.registry.latest("JobPermits");
        vm.assertEq(addr, address(c.acl));
        vm.assertEq(version, 2);
        vm.assertEq(c.registry.addressOf("JobPermits", 1), address(c.permits));
    }

    function test_refusals() public {
        vm.expectRevert(_missingRole(stranger, Roles.ADMIN));
        vm.prank(stranger);
        c.registry.publish("JobPermits", address(c.acl));
        vm.expectRevert(
            abi.encodeWithSelector(ContractRegistry.ContractRegistry_NoCode.selector, bytes32("X"), stranger)
        );
        c.registry.publish("X", stranger);
        bytes4 unknown = ContractRegistry.ContractRegistry_Unknown.selector;
        vm.expectRevert(abi.encodeWithSelector(unknown, bytes32("X"), uint32(0)));
        c.registry.latest("X");
        vm.expectRevert(abi.encodeWithSelector(unknown, bytes32("JobPermits"), uint32(2)));
        c.registry.addressOf("JobPermits", 2);
        vm.expectRevert(abi.encodeWithSelector(unknown, bytes32("JobPermits"), uint32(0)));
        c.registry.addressOf("JobPermits", 0);
    }
}
