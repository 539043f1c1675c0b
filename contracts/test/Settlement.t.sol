// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CosTest} from "./base/CosTest.sol";
import {FeeOnTransferToken, ReentrantToken} from "./mocks/HostileTokens.sol";
import {vm} from "../script/Vm.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {Roles} from "../src/libraries/Roles.sol";

/// @notice Invariants 2 to 5 at the level of one contract; this contract plays the permit contract.
contract SettlementTest is CosTest {
    bytes32 private constant KEY = "lock 1";
    address private token;

    function setUp() public override {
        super.setUp();
        token = address(c.credits);
        c.authority.grantRole(Roles.PERMITS, address(this));
    }

    function test_lock_credit_withdraw() public {
        c.settlement.lock(KEY, token, grantee, 1000);
        (address lockedToken, uint256 amount) = c.settlement.lockOf(address(this), KEY);
        vm.assertEq(lockedToken, token);
        vm.assertEq(amount, 1000);
        c.settlement.credit(KEY, owner, 600);
        c.settlement.credit(KEY, operator, 400);
        vm.assertEq(c.settlement.owed(token), 1000);
        vm.prank(owner);
        vm.assertEq(c.settlement.withdraw(token, stranger), 600);
        vm.assertEq(c.credits.balanceOf(stranger), 600);
        vm.assertEq(c.settlement.owed(token), 400);
        vm.assertEq(c.credits.balanceOf(address(c.settlement)), 400);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_NothingToWithdraw.selector, owner, token));
        vm.prank(owner);
        c.settlement.withdraw(token, owner);
    }

    function test_only_a_permit_contract_locks() public {
        vm.expectRevert(_missingRole(stranger, Roles.PERMITS));
        vm.prank(stranger);
        c.settlement.lock(KEY, token, grantee, 1);
    }

    function test_a_lock_belongs_to_its_locker() public {
        c.settlement.lock(KEY, token, grantee, 1000);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlement.Settlement_InsufficientLock.selector, stranger, KEY, uint256(0), uint256(1)
            )
        );
        vm.prank(stranger);
        c.settlement.credit(KEY, stranger, 1);
    }

    function test_lock_refusals() public {
        FeeOnTransferToken foreign = new FeeOnTransferToken();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_TokenNotAllowed.selector, address(foreign)));
        c.settlement.lock(KEY, address(foreign), grantee, 1);
        vm.expectRevert(ISettlement.Settlement_ZeroAmount.selector);
        c.settlement.lock(KEY, token, grantee, 0);
        c.settlement.lock(KEY, token, grantee, 10);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_AlreadyLocked.selector, address(this), KEY));
        c.settlement.lock(KEY, token, grantee, 10);
        c.settlement.credit(KEY, owner, 10);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_AlreadyLocked.selector, address(this), KEY));
        c.settlement.lock(KEY, token, grantee, 10); // an emptied lock is not free again
        vm.expectRevert(); // no approval: the token's own error
        c.settlement.lock("2", token, stranger, 10);
    }

    function test_credit_refusals() public {
        c.settlement.lock(KEY, token, grantee, 10);
        bytes4 insufficient = ISettlement.Settlement_InsufficientLock.selector;
        vm.expectRevert(abi.encodeWithSelector(insufficient, address(this), KEY, uint256(10), uint256(11)));
        c.settlement.credit(KEY, owner, 11);
        vm.expectRevert(ISettlement.Settlement_ZeroAddress.selector);
        c.settlement.credit(KEY, address(0), 1);
        c.settlement.credit(KEY, owner, 10);
        vm.expectRevert(abi.encodeWithSelector(insufficient, address(this), KEY, uint256(0), uint256(1)));
        c.settlement.credit(KEY, owner, 1);
        vm.expectRevert(ISettlement.Settlement_ZeroAddress.selector);
        vm.prank(owner);
        c.settlement.withdraw(token, address(0));
    }

    function test_a_token_that_takes_a_fee_is_refused() public {
        FeeOnTransferToken taking = new FeeOnTransferToken();
        c.settlement.setTokenAllowed(address(taking), true);
        taking.mint(grantee, 1000);
        vm.prank(grantee);
        taking.approve(address(c.settlement), 1000);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlement.Settlement_WrongAmountReceived.selector, address(taking), uint256(100), uint256(99)
            )
        );
        c.settlement.lock(KEY, address(taking), grantee, 100);
        vm.assertEq(taking.balanceOf(grantee), 1000);
        vm.assertEq(c.settlement.owed(address(taking)), 0);
    }

    function test_a_token_that_calls_back_gains_nothing() public {
        ReentrantToken loop = new ReentrantToken();
        c.settlement.setTokenAllowed(address(loop), true);
        loop.mint(grantee, 1000);
        vm.prank(grantee);
        loop.approve(address(c.settlement), 1000);
        c.settlement.lock(KEY, address(loop), grantee, 1000);
        c.settlement.credit(KEY, address(loop), 400); // the token itself is owed 400
        c.settlement.credit(KEY, owner, 600);
        loop.arm(address(c.settlement), abi.encodeCall(c.settlement.withdraw, (address(loop), address(loop))));
        loop.withdrawFrom(address(c.settlement));
        vm.assertTrue(loop.attempted());
        vm.assertFalse(loop.succeeded());
        vm.assertEq(loop.balanceOf(address(loop)), 400);
        vm.assertEq(loop.balanceOf(address(c.settlement)), 600);
    }

    function test_delisting_stops_locks_and_never_exits() public {
        c.settlement.lock(KEY, token, grantee, 10);
        c.settlement.setTokenAllowed(token, false);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Settlement_TokenNotAllowed.selector, token));
        c.settlement.lock("2", token, grantee, 10);
        c.settlement.credit(KEY, owner, 10);
        vm.prank(owner);
        vm.assertEq(c.settlement.withdraw(token, owner), 10);
    }

    function test_only_the_administrator_lists_tokens() public {
        vm.expectRevert(_missingRole(stranger, Roles.ADMIN));
        vm.prank(stranger);
        c.settlement.setTokenAllowed(token, false);
        vm.expectRevert(ISettlement.Settlement_ZeroAddress.selector);
        c.settlement.setTokenAllowed(address(0), true);
    }

    function test_only_a_minter_makes_credits() public {
        vm.expectRevert(_missingRole(stranger, Roles.MINTER));
        vm.prank(stranger);
        c.credits.mint(stranger, 1);
    }

    /// @dev However a lock is divided, what comes out is what went in.
    function testFuzz_division_conserves(uint96 amount, uint96 part) public {
        amount = uint96(_bound(amount, 1, 1_000_000));
        part = uint96(_bound(part, 0, amount));
        c.settlement.lock(KEY, token, grantee, amount);
        c.settlement.credit(KEY, owner, part);
        (, uint256 left) = c.settlement.lockOf(address(this), KEY);
        vm.assertEq(left + _balance(owner), amount);
        vm.assertEq(c.credits.balanceOf(address(c.settlement)), c.settlement.owed(token));
    }
}
