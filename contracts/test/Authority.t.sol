// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {CosTest} from "./base/CosTest.sol";
import {vm} from "../script/Vm.sol";
import {Roles} from "../src/libraries/Roles.sol";

/// @notice Production's administrator: a timelock, which takes over after the authority's own delay.
contract AuthorityTest is CosTest {
    TimelockController private timelock;

    function setUp() public override {
        super.setUp();
        address[] memory people = new address[](1);
        people[0] = admin;
        timelock = new TimelockController(1 days, people, people, address(0));
        c.authority.beginDefaultAdminTransfer(address(timelock));
        vm.warp(START + 2 * DAY + 1);
        _schedule(address(c.authority), abi.encodeCall(c.authority.acceptDefaultAdminTransfer, ()));
        vm.warp(block.timestamp + 1 days);
        _execute(address(c.authority), abi.encodeCall(c.authority.acceptDefaultAdminTransfer, ()));
    }

    function test_a_timelock_administers_after_its_delay() public {
        vm.assertTrue(c.authority.hasRole(Roles.ADMIN, address(timelock)));
        vm.expectRevert();
        c.authority.grantRole(Roles.SETTLER, stranger); // the first administrator has no say any more

        bytes memory grantSettler = abi.encodeCall(c.authority.grantRole, (Roles.SETTLER, stranger));
        _schedule(address(c.authority), grantSettler);
        vm.expectRevert();
        timelock.execute(address(c.authority), 0, grantSettler, 0, 0); // too early
        vm.warp(block.timestamp + 1 days);
        _execute(address(c.authority), grantSettler);
        vm.assertTrue(c.authority.hasRole(Roles.SETTLER, stranger));
    }

    function test_roles_are_separate() public view {
        bytes32[9] memory roles = [
            Roles.SETTLER,
            Roles.USAGE,
            Roles.ORACLE,
            Roles.ARBITER,
            Roles.PAUSER,
            Roles.CURATOR,
            Roles.WORKER,
            Roles.PERMITS,
            Roles.MINTER
        ];
        for (uint256 i = 0; i < roles.length; ++i) {
            vm.assertTrue(roles[i] != Roles.ADMIN);
            for (uint256 j = 0; j < i; ++j) {
                vm.assertTrue(roles[i] != roles[j]);
            }
        }
    }

    function _schedule(address target, bytes memory data) private {
        timelock.schedule(target, 0, data, 0, 0, 1 days);
    }

    function _execute(address target, bytes memory data) private {
        timelock.execute(target, 0, data, 0, 0);
    }
}
