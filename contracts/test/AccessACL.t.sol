// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CosTest} from "./base/CosTest.sol";
import {vm} from "../script/Vm.sol";
import {AccessRequest, IAccessACL} from "../src/interfaces/IAccessACL.sol";
import {DatasetStatus, VersionReason} from "../src/interfaces/IDatasetRegistry.sol";
import {Roles} from "../src/libraries/Roles.sol";
import {
    Clauses,
    Counters,
    GrantState,
    OutputPolicy,
    OutputTerms,
    Query,
    Reason,
    VersionPolicy
} from "../src/types/GrantTypes.sol";

/// @notice Requesting and granting: every check of the specification.
contract AccessGrantTest is CosTest {
    function test_request_records_what_was_asked() public {
        uint256 id = _request(datasetId, grantee);
        AccessRequest memory r = c.acl.requestOf(id);
        vm.assertEq(r.datasetId, datasetId);
        vm.assertEq(r.grantee, grantee);
        vm.assertEq(r.sbtId, c.identity.sbtOf(grantee));
        vm.assertEq(r.opMask, 15);
        _assertGrantState(id, GrantState.Requested);
        _assertReason(c.acl.canAccess(id, grantee, COMPUTE, PURPOSE, 0, START), Reason.NotGranted);
    }

    function test_request_refusals() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_NoIdentity.selector, stranger));
        vm.prank(stranger);
        c.acl.request(datasetId, 1, PURPOSE, "t", "");
        vm.startPrank(grantee);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_BadOpMask.selector, 0, 15));
        c.acl.request(datasetId, 0, PURPOSE, "t", "");
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_BadOpMask.selector, 16, 15));
        c.acl.request(datasetId, 16, PURPOSE, "t", "");
        vm.expectRevert(IAccessACL.AccessACL_ZeroHash.selector);
        c.acl.request(datasetId, 1, 0, "t", "");
        vm.expectRevert(IAccessACL.AccessACL_ZeroHash.selector);
        c.acl.request(datasetId, 1, PURPOSE, 0, "");
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_DatasetUnavailable.selector, 0, 99));
        c.acl.request(99, 1, PURPOSE, "t", "");
        vm.stopPrank();
    }

    function test_either_side_declines_once() public {
        uint256 id = _request(datasetId, grantee);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_NotParty.selector, id, stranger));
        vm.prank(stranger);
        c.acl.decline(id);
        vm.prank(grantee);
        c.acl.decline(id);
        _assertGrantState(id, GrantState.Declined);
        _expectWrongState(id, GrantState.Declined);
        vm.prank(owner);
        c.acl.decline(id);
        _expectGrantRevert(
            id,
            owner,
            _clauses(),
            abi.encodeWithSelector(IAccessACL.AccessACL_WrongState.selector, id, GrantState.Declined)
        );

        uint256 second = _request(datasetId, grantee);
        vm.prank(owner);
        c.acl.decline(second);
        _assertGrantState(second, GrantState.Declined);
    }

    function test_grant_makes_access() public {
        uint256 id = _grant(_clauses());
        _assertGrantState(id, GrantState.Granted);
        _assertReason(c.acl.canAccess(id, grantee, COMPUTE, PURPOSE, 0, START), Reason.Allowed);
        vm.assertEq(c.acl.clausesOf(id).expiry, START + 30 * DAY);
        c.acl.requireAccess(id, grantee, COMPUTE, PURPOSE, 0);
    }

    function test_only_the_confirmed_owner_of_a_live_dataset_grants() public {
        uint256 id = _request(datasetId, grantee);
        bytes4 notOwner = IAccessACL.AccessACL_NotOwner.selector;
        _expectGrantRevert(id, stranger, _clauses(), abi.encodeWithSelector(notOwner, datasetId, stranger));

        vm.prank(owner);
        c.datasets.setStatus(datasetId, DatasetStatus.Paused);
        bytes memory unavailable =
            abi.encodeWithSelector(IAccessACL.AccessACL_DatasetUnavailable.selector, id, datasetId);
        _expectGrantRevert(id, owner, _clauses(), unavailable);
        vm.prank(owner);
        c.datasets.setStatus(datasetId, DatasetStatus.Active);

        vm.prank(owner);
        c.datasets.transferFrom(owner, stranger, datasetId);
        _mintIdentity(stranger);
        _expectGrantRevert(id, stranger, _clauses(), abi.encodeWithSelector(notOwner, datasetId, stranger));
        vm.prank(stranger);
        c.datasets.confirmOwnership(datasetId);
        _answer(stranger, id, _clauses());
    }

    function test_grant_binds_to_its_request() public {
        uint256 id = _request(datasetId, grantee);
        uint256 other = _registerDataset(owner);
        bytes memory differs = abi.encodeWithSelector(IAccessACL.AccessACL_DiffersFromRequest.selector, id);
        Clauses memory cl = _clauses();
        cl.grantee = stranger;
        _expectGrantRevert(id, owner, cl, differs);
        cl = _clauses();
        cl.sbtId = 99;
        _expectGrantRevert(id, owner, cl, differs);
        cl = _clauses();
        cl.datasetId = other;
        _expectGrantRevert(id, owner, cl, differs);
        cl = _clauses();
        cl.purposeHash = keccak256("another");
        _expectGrantRevert(id, owner, cl, differs);
        cl = _clauses();
        cl.termsHash = keccak256("another");
        _expectGrantRevert(id, owner, cl, differs);
    }

    function test_grant_needs_the_grantees_identity() public {
        uint256 id = _request(datasetId, grantee);
        Clauses memory cl = _clauses();
        vm.prank(grantee);
        c.identity.burn(cl.sbtId);
        _expectGrantRevert(
            id, owner, cl, abi.encodeWithSelector(IAccessACL.AccessACL_IdentityNotLive.selector, id, cl.sbtId)
        );
    }

    function test_grant_never_widens_operations() public {
        bytes32 termsHash = _termsHash();
        vm.prank(grantee);
        uint256 id = c.acl.request(datasetId, READ | COMPUTE, PURPOSE, termsHash, "");
        Clauses memory cl = _clauses();
        cl.opMask = COMPUTE | LIST;
        bytes4 bad = IAccessACL.AccessACL_BadOpMask.selector;
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(bad, 10, 9));
        cl.opMask = 0;
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(bad, 0, 9));
    }

    function test_window_must_be_open() public {
        uint256 id = _request(datasetId, grantee);
        bytes4 bad = IAccessACL.AccessACL_BadWindow.selector;
        Clauses memory cl = _clauses();
        cl.expiry = cl.notBefore;
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(bad, cl.notBefore, cl.expiry, START));
        cl.notBefore = START - 10;
        cl.expiry = START;
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(bad, cl.notBefore, cl.expiry, START));
        cl.expiry = START + 1;
        _answer(owner, id, cl);
    }

    function test_rate_region_algorithms_and_fees_must_be_well_formed() public {
        uint256 id = _request(datasetId, grantee);
        Clauses memory cl = _clauses();
        cl.rateMax = 1;
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(IAccessACL.AccessACL_BadRate.selector, 1, 0));
        cl = _clauses();
        cl.rateWindow = 60;
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(IAccessACL.AccessACL_BadRate.selector, 0, 60));
        cl = _clauses();
        cl.allowedAlgorithms = new bytes32[](17);
        _expectGrantRevert(
            id, owner, cl, abi.encodeWithSelector(IAccessACL.AccessACL_TooManyAlgorithms.selector, 17)
        );
        cl = _paidClauses();
        cl.computeBps = 9001; // with 1000 for the author
        _expectBadFee(id, cl);
        cl = _paidClauses();
        cl.workFee = 1001;
        _expectBadFee(id, cl);
        cl = _paidClauses();
        cl.feeToken = address(0);
        _expectBadFee(id, cl);
        cl = _clauses();
        cl.feeToken = address(c.credits);
        _expectBadFee(id, cl);
        cl = _paidClauses();
        cl.computeBps = 9000;
        cl.workFee = 1000;
        _answer(owner, id, cl);
    }

    function test_a_dataset_bound_to_a_region_binds_its_grants() public {
        vm.prank(owner);
        uint256 bound = c.datasets.register(ROOT, CONTEXT, new bytes32[](0), "", "CH");
        uint256 id = _request(bound, grantee);
        Clauses memory cl = _clauses();
        cl.datasetId = bound;
        bytes4 bad = IAccessACL.AccessACL_BadRegion.selector;
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(bad, bytes32("CH"), bytes32(0)));
        cl.regionCode = "DE";
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(bad, bytes32("CH"), bytes32("DE")));
        cl.regionCode = "CH";
        _answer(owner, id, cl);
    }

    function test_output_policy_only_as_the_agreed_terms_allow() public {
        uint256 id = _request(datasetId, grantee);
        bytes4 denied = IAccessACL.AccessACL_OutputNotAllowed.selector;
        Clauses memory cl = _clauses();
        cl.outputPolicy = OutputPolicy.MultiKey; // the terms allow re-encryption only
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(denied, OutputPolicy.MultiKey));
        cl.outputPolicy = OutputPolicy.None;
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(denied, OutputPolicy.None));

        // Other terms than those agreed to do not help.
        OutputTerms memory wider = _outputTerms();
        wider.allowMultiKey = true;
        cl.outputPolicy = OutputPolicy.MultiKey;
        bytes32 supplied = c.acl.hashOutputTerms(wider);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessACL.AccessACL_TermsMismatch.selector, cl.termsHash, supplied)
        );
        vm.prank(owner);
        c.acl.grant(id, cl, wider);

        cl.outputPolicy = OutputPolicy.OwnerOnly;
        _answer(owner, id, cl);
    }

    function test_version_policy_names_a_usable_version() public {
        uint256 id = _request(datasetId, grantee);
        Clauses memory cl = _clauses();
        cl.versionPolicy = VersionPolicy.None;
        _expectBadVersion(id, cl);
        cl.versionPolicy = VersionPolicy.Follow;
        cl.pinnedVersion = 1;
        _expectBadVersion(id, cl);
        cl.versionPolicy = VersionPolicy.Pin;
        cl.pinnedVersion = 0;
        _expectBadVersion(id, cl);
        cl.pinnedVersion = 2;
        _expectBadVersion(id, cl);
        vm.prank(owner);
        c.datasets.publishVersion(datasetId, VersionReason.Withdraw, keccak256("2"), "");
        cl.pinnedVersion = 1;
        _expectBadVersion(id, cl);
        cl.pinnedVersion = 2;
        _answer(owner, id, cl);
    }

    function _expectGrantRevert(uint256 id, address sender, Clauses memory cl, bytes memory data) private {
        OutputTerms memory terms = _outputTerms();
        vm.expectRevert(data);
        vm.prank(sender);
        c.acl.grant(id, cl, terms);
    }

    function _expectBadFee(uint256 id, Clauses memory cl) private {
        uint256 bps = uint256(cl.computeBps) + cl.authorBps;
        bytes4 bad = IAccessACL.AccessACL_BadFee.selector;
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(bad, cl.feeToken, cl.feePerUse, cl.workFee, bps));
    }

    function _expectBadVersion(uint256 id, Clauses memory cl) private {
        bytes4 bad = IAccessACL.AccessACL_BadVersionPolicy.selector;
        _expectGrantRevert(id, owner, cl, abi.encodeWithSelector(bad, datasetId, cl.pinnedVersion));
    }

    function _expectWrongState(uint256 id, GrantState state) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_WrongState.selector, id, state));
    }

    function _assertGrantState(uint256 id, GrantState state) private view {
        vm.assertEq(uint256(c.acl.stateOf(id)), uint256(state));
    }
}

/// @notice Revocation, suspension, tickets, reservations.
contract AccessUseTest is CosTest {
    function test_revoke_is_the_owners_and_final() public {
        uint256 id = _grant(_clauses());
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_NotOwner.selector, datasetId, grantee));
        vm.prank(grantee);
        c.acl.revoke(id);
        vm.prank(owner);
        c.acl.revoke(id);
        _assertReason(c.acl.canAccess(id, grantee, COMPUTE, PURPOSE, 0, START), Reason.Revoked);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_WrongState.selector, id, GrantState.Revoked));
        vm.prank(owner);
        c.acl.revoke(id);
    }

    function test_revoke_all_ends_earlier_grants_only() public {
        uint256 first = _grant(_clauses());
        uint256 second = _grant(_clauses());
        uint256 pending = _request(datasetId, grantee);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_NotOwner.selector, datasetId, stranger));
        vm.prank(stranger);
        c.acl.revokeAll(datasetId);
        vm.prank(owner);
        vm.assertEq(c.acl.revokeAll(datasetId), 1);
        _assertReason(c.acl.canAccess(first, grantee, COMPUTE, PURPOSE, 0, START), Reason.Revoked);
        _assertReason(c.acl.canAccess(second, grantee, COMPUTE, PURPOSE, 0, START), Reason.Revoked);
        _answer(owner, pending, _clauses());
        _assertReason(c.acl.canAccess(pending, grantee, COMPUTE, PURPOSE, 0, START), Reason.Allowed);
    }

    /// @dev Clause 4, both sides of both ends, against the chain's own clock.
    function test_require_access_at_the_edges_of_time() public {
        Clauses memory cl = _clauses();
        cl.notBefore = START + 100;
        cl.expiry = START + 200;
        uint256 id = _grant(cl);
        vm.warp(START + 99);
        bytes4 early = IAccessACL.AccessACL_NotYetValid.selector;
        _expectDenied(id, abi.encodeWithSelector(early, id, START + 100, START + 99));
        vm.warp(START + 100);
        c.acl.requireAccess(id, grantee, COMPUTE, PURPOSE, 0);
        vm.warp(START + 199);
        c.acl.requireAccess(id, grantee, COMPUTE, PURPOSE, 0);
        vm.warp(START + 200);
        bytes4 late = IAccessACL.AccessACL_Expired.selector;
        _expectDenied(id, abi.encodeWithSelector(late, id, START + 200, START + 200));
    }

    /// @dev Every refusal that a caller can meet without a job names its clause and carries the proof.
    function test_require_access_names_the_clause() public {
        Clauses memory cl = _clauses();
        cl.regionCode = "CH";
        uint256 id = _grant(cl);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_UnknownGrant.selector, 99));
        c.acl.requireAccess(99, grantee, COMPUTE, PURPOSE, "CH");
        uint256 asked = _request(datasetId, grantee);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessACL.AccessACL_NotGranted.selector, asked, GrantState.Requested)
        );
        c.acl.requireAccess(asked, grantee, COMPUTE, PURPOSE, "CH");
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_WrongGrantee.selector, id, grantee, stranger));
        c.acl.requireAccess(id, stranger, COMPUTE, PURPOSE, "CH");
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_WrongOperation.selector, id, 8, 1));
        c.acl.requireAccess(id, grantee, READ, PURPOSE, "CH");
        vm.expectRevert(
            abi.encodeWithSelector(IAccessACL.AccessACL_WrongPurpose.selector, id, PURPOSE, bytes32("x"))
        );
        c.acl.requireAccess(id, grantee, COMPUTE, "x", "CH");
        vm.expectRevert(
            abi.encodeWithSelector(IAccessACL.AccessACL_WrongRegion.selector, id, bytes32("CH"), bytes32("DE"))
        );
        c.acl.requireAccess(id, grantee, COMPUTE, PURPOSE, "DE");
        vm.prank(owner);
        c.datasets.setStatus(datasetId, DatasetStatus.Paused);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_DatasetUnavailable.selector, id, datasetId));
        c.acl.requireAccess(id, grantee, COMPUTE, PURPOSE, "CH");
        vm.prank(grantee);
        c.identity.burn(cl.sbtId);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_IdentityNotLive.selector, id, cl.sbtId));
        c.acl.requireAccess(id, grantee, COMPUTE, PURPOSE, "CH");
        vm.prank(owner);
        c.acl.revoke(id);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_Revoked.selector, id));
        c.acl.requireAccess(id, grantee, COMPUTE, PURPOSE, "CH");
    }

    function test_transfer_suspends_grants_until_confirmed() public {
        uint256 id = _grant(_clauses());
        _mintIdentity(stranger);
        vm.prank(owner);
        c.datasets.transferFrom(owner, stranger, datasetId);
        _assertReason(c.acl.canAccess(id, grantee, COMPUTE, PURPOSE, 0, START), Reason.DatasetUnavailable);
        _assertReason(c.acl.standingOf(id, 1), Reason.DatasetUnavailable);
        vm.prank(stranger);
        c.datasets.confirmOwnership(datasetId);
        _assertReason(c.acl.canAccess(id, grantee, COMPUTE, PURPOSE, 0, START), Reason.Allowed);
        vm.prank(stranger);
        c.acl.revoke(id);
    }

    function test_tickets_are_reserved_up_to_the_limit() public {
        Clauses memory cl = _clauses();
        cl.opMask = READ | COMPUTE;
        uint256 id = _grant(cl);
        vm.startPrank(grantee);
        bytes32 first = c.acl.reserveTickets(id, READ, 3, stranger);
        bytes32 second = c.acl.reserveTickets(id, READ, 2, stranger);
        vm.assertTrue(first != second);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_TicketsExhausted.selector, id, 5, 5, 1));
        c.acl.reserveTickets(id, READ, 1, stranger);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_WrongOperation.selector, id, 9, 4));
        c.acl.reserveTickets(id, EXPORT, 1, stranger);
        bytes4 bad = IAccessACL.AccessACL_BadSession.selector;
        vm.expectRevert(abi.encodeWithSelector(bad, READ, 0));
        c.acl.reserveTickets(id, READ, 0, stranger);
        vm.expectRevert(abi.encodeWithSelector(bad, COMPUTE, 1));
        c.acl.reserveTickets(id, COMPUTE, 1, stranger);
        vm.expectRevert(abi.encodeWithSelector(bad, READ | EXPORT, 1));
        c.acl.reserveTickets(id, READ | EXPORT, 1, stranger);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_WrongGrantee.selector, id, grantee, stranger));
        vm.prank(stranger);
        c.acl.reserveTickets(id, READ, 1, stranger);
    }

    function test_tickets_need_a_gateway_in_the_region() public {
        Clauses memory cl = _clauses();
        cl.opMask = EXPORT;
        cl.regionCode = "CH";
        uint256 id = _grant(cl);
        bytes4 outside = IAccessACL.AccessACL_GatewayOutsideRegion.selector;
        vm.expectRevert(abi.encodeWithSelector(outside, stranger, bytes32("CH")));
        vm.prank(grantee);
        c.acl.reserveTickets(id, EXPORT, 1, stranger);
        vm.prank(oracle);
        c.regions.attest(stranger, "CH", START + 60);
        vm.prank(grantee);
        c.acl.reserveTickets(id, EXPORT, 1, stranger);
        vm.warp(START + 60);
        vm.expectRevert(abi.encodeWithSelector(outside, stranger, bytes32("CH")));
        vm.prank(grantee);
        c.acl.reserveTickets(id, EXPORT, 1, stranger);
    }

    function test_reservations_are_the_permit_contracts_own() public {
        uint256 id = _grant(_clauses());
        Query memory q;
        q.grantee = grantee;
        q.purposeHash = PURPOSE;
        q.version = 1;
        q.algorithmId = PROGRAM;
        q.epsilonMicro = 400;
        q.exactReleases = 1;
        vm.expectRevert(_missingRole(stranger, Roles.PERMITS));
        vm.prank(stranger);
        c.acl.reserve("p", id, q);

        c.authority.grantRole(Roles.PERMITS, address(this));
        bytes4 incomplete = IAccessACL.AccessACL_IncompleteQuery.selector;
        (q.version, q.algorithmId) = (0, PROGRAM);
        vm.expectRevert(abi.encodeWithSelector(incomplete, id, 0, PROGRAM));
        c.acl.reserve("p", id, q);
        (q.version, q.algorithmId) = (1, 0);
        vm.expectRevert(abi.encodeWithSelector(incomplete, id, 1, 0));
        c.acl.reserve("p", id, q);
        q.algorithmId = PROGRAM;
        c.acl.reserve("p", id, q);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_AlreadyReserved.selector, bytes32("p"), id));
        c.acl.reserve("p", id, q);
        bytes4 none = IAccessACL.AccessACL_NoReservation.selector;
        vm.expectRevert(abi.encodeWithSelector(none, stranger, bytes32("p"), id));
        vm.prank(stranger);
        c.acl.commit("p", id);
        vm.expectRevert(abi.encodeWithSelector(none, stranger, bytes32("p"), id));
        vm.prank(stranger);
        c.acl.giveBack("p", id);

        // A retired permit contract still finishes what it began.
        c.authority.revokeRole(Roles.PERMITS, address(this));
        c.acl.commit("p", id);
        Counters memory n = c.acl.countersOf(id);
        vm.assertEq(n.runsReserved, 0);
        vm.assertEq(n.runsUsed, 1);
        vm.assertEq(n.epsilonUsed, 400);
        vm.assertEq(n.releasesUsed, 1);
        vm.expectRevert(abi.encodeWithSelector(none, address(this), bytes32("p"), id));
        c.acl.giveBack("p", id);
    }

    /// @dev Whatever is asked, the answer for a grant that was never made is no.
    function testFuzz_default_deny(uint256 id, address who, uint8 op, bytes32 purpose, bytes32 region, uint64 time)
        public
        view
    {
        _assertReason(c.acl.canAccess(id, who, op, purpose, region, time), Reason.UnknownGrant);
    }

    /// @dev Access is allowed exactly inside the window, for the named purpose, operation and grantee.
    function testFuzz_allowed_only_when_every_clause_holds(uint64 time, uint8 op, bool rightPurpose, bool rightWho)
        public
    {
        Clauses memory cl = _clauses();
        cl.opMask = COMPUTE | LIST;
        uint256 id = _grant(cl);
        time = uint64(_bound(time, START - DAY, START + 31 * DAY));
        Reason r =
            c.acl.canAccess(id, rightWho ? grantee : stranger, op, rightPurpose ? PURPOSE : bytes32("x"), 0, time);
        bool expected = rightWho && rightPurpose && (op == 2 || op == 8 || op == 10) && time >= START
            && time < START + 30 * DAY;
        vm.assertEq(r == Reason.Allowed ? 1 : 0, expected ? 1 : 0);
    }

    function _expectDenied(uint256 id, bytes memory data) private {
        vm.expectRevert(data);
        c.acl.requireAccess(id, grantee, COMPUTE, PURPOSE, 0);
    }
}
