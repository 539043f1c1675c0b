// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CosTest} from "./base/CosTest.sol";
import {OneSignerWallet} from "./mocks/OneSignerWallet.sol";
import {vm, Vm} from "../script/Vm.sol";
import {IAccessACL} from "../src/interfaces/IAccessACL.sol";
import {AlgorithmState} from "../src/interfaces/IAlgorithmRegistry.sol";
import {VersionReason} from "../src/interfaces/IDatasetRegistry.sol";
import {IJobPermits} from "../src/interfaces/IJobPermits.sol";
import {Clauses, Counters, VersionPolicy} from "../src/types/GrantTypes.sol";
import {
    AuthorisationWay,
    Fees,
    Permit,
    PermitAuthorisation,
    PermitState,
    Terms
} from "../src/types/PermitTypes.sol";

/// @notice Planned in JobPermitsIssue.tree.
contract JobPermitsIssueTest is CosTest {
    uint256 private grantId;

    function setUp() public override {
        super.setUp();
        grantId = _grant(_paidClauses());
    }

    // The three ways

    function test_pre_authorised_grant_issues_and_locks_the_exact_fee() public {
        Terms memory t = _terms(grantId);
        bytes32 permitId = _issue(t);
        Permit memory p = c.permits.permitOf(permitId);
        vm.assertEq(uint256(p.state), uint256(PermitState.Issued));
        vm.assertEq(p.grantee, grantee);
        vm.assertEq(p.operator, operator);
        vm.assertEq(p.author, author);
        vm.assertEq(p.issuedAt, START);
        vm.assertEq(p.graceEnds, START + 1 hours);
        vm.assertEq(p.compute, 300);
        vm.assertEq(p.authorShare, 100);
        vm.assertEq(p.work, 250);
        vm.assertEq(p.items.length, 1);
        vm.assertEq(p.items[0].dataShare, 600);
        vm.assertEq(p.unreleased, 1);
        (address token, uint256 locked) = c.settlement.lockOf(address(c.permits), permitId);
        vm.assertEq(token, address(c.credits));
        vm.assertEq(locked, 1000);
        vm.assertEq(c.credits.balanceOf(grantee), 999_000);
        Counters memory n = c.acl.countersOf(grantId);
        vm.assertEq(n.runsReserved, 1);
        vm.assertEq(n.releasesReserved, 1);
    }

    function test_permit_id_binds_chain_contract_issuer_nonce_and_terms() public {
        Terms memory t = _terms(grantId);
        bytes32 termsHash = keccak256(abi.encode(t));
        vm.assertEq(c.permits.termsHashOf(t), termsHash);
        bytes32 expected = keccak256(abi.encode(block.chainid, address(c.permits), grantee, uint256(5), termsHash));
        vm.assertEq(c.permits.permitIdOf(grantee, 5, termsHash), expected);
        vm.assertEq(_issueAs(grantee, t, 5), expected);
        vm.chainId(999);
        vm.assertTrue(c.permits.permitIdOf(grantee, 5, termsHash) != expected);
    }

    function test_owner_transaction_needs_the_grantees_proposal_when_it_costs() public {
        uint256 strict = _grantStrict(_paidClauses());
        Terms memory t = _terms(strict);
        bytes32 termsHash = c.permits.termsHashOf(t);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotProposed.selector, termsHash, grantee));
        _issueAs(owner, t, 0);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotGrantee.selector, termsHash, owner));
        vm.prank(owner);
        c.permits.proposeJob(t);

        vm.prank(grantee);
        c.permits.proposeJob(t);
        vm.assertTrue(c.permits.isProposed(termsHash));
        bytes32 permitId = _issueAs(owner, t, 0);
        _assertState(permitId, PermitState.Issued);
        vm.assertFalse(c.permits.isProposed(termsHash));
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotProposed.selector, termsHash, grantee));
        _issueAs(owner, t, 1); // a proposal is good for one permit
    }

    function test_a_withdrawn_proposal_is_gone() public {
        Terms memory t = _terms(_grantStrict(_paidClauses()));
        vm.prank(grantee);
        bytes32 termsHash = c.permits.proposeJob(t);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotGrantee.selector, termsHash, stranger));
        vm.prank(stranger);
        c.permits.withdrawProposal(termsHash);
        vm.prank(grantee);
        c.permits.withdrawProposal(termsHash);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotProposed.selector, termsHash, grantee));
        _issueAs(owner, t, 0);
    }

    function test_owner_signature_relayed_by_the_grantee() public {
        Terms memory t = _terms(_grantStrict(_paidClauses()));
        PermitAuthorisation memory a = _authorisation(grantee, t, 0, START + 60);
        bytes[] memory signatures = _one(_signAuthorisation(OWNER_KEY, a));
        vm.warp(START + 59);
        vm.recordLogs();
        vm.prank(grantee);
        bytes32 permitId = c.permits.issueJobPermit(t, 0, START + 60, signatures);
        vm.assertEq(permitId, a.permitId);
        _assertWay(permitId, AuthorisationWay.OwnerSignature);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_AlreadyIssued.selector, permitId));
        vm.prank(grantee);
        c.permits.issueJobPermit(t, 0, START + 60, signatures);
    }

    /// @dev The digest worked out by hand, as a client would.
    function test_digest_is_eip712() public view {
        Terms memory t = _terms(grantId);
        PermitAuthorisation memory a = _authorisation(grantee, t, 7, START + 60);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("COS JobPermits"),
                keccak256("1"),
                block.chainid,
                address(c.permits)
            )
        );
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "PermitAuthorisation(bytes32 permitId,address grantee,bytes32 termsHash,uint256 nonce,uint64 deadline)"
                ),
                a.permitId,
                a.grantee,
                a.termsHash,
                a.nonce,
                a.deadline
            )
        );
        bytes32 expected = keccak256(abi.encodePacked(hex"1901", domain, structHash));
        vm.assertEq(c.permits.authorisationDigest(a), expected);
    }

    function test_signature_refusals() public {
        Terms memory t = _terms(_grantStrict(_paidClauses()));
        PermitAuthorisation memory a = _authorisation(grantee, t, 0, START + 60);
        bytes[] memory good = _one(_signAuthorisation(OWNER_KEY, a));
        bytes memory bad = abi.encodeWithSelector(IJobPermits.JobPermits_BadSignature.selector, datasetId, owner);

        _expectSignedRevert(t, 0, START + 60, _one(_signAuthorisation(GRANTEE_KEY, a)), bad);
        _expectSignedRevert(t, 1, START + 60, good, bad); // another nonce
        _expectSignedRevert(t, 0, START + 61, good, bad); // another deadline
        _expectSignedRevert(t, 0, START + 60, _one("nonsense"), bad);
        Terms memory dearer = _terms(t.grantIds[0]);
        dearer.paramsHash = keccak256("another trait");
        _expectSignedRevert(dearer, 0, START + 60, good, bad);

        vm.warp(START + 60);
        _expectSignedRevert(
            t,
            0,
            START + 60,
            good,
            abi.encodeWithSelector(IJobPermits.JobPermits_SignatureExpired.selector, START + 60, START + 60)
        );
        vm.warp(START);
        vm.prank(owner);
        c.permits.cancelAuthorisation(a.permitId);
        _expectSignedRevert(
            t,
            0,
            START + 60,
            good,
            abi.encodeWithSelector(IJobPermits.JobPermits_AuthorisationCancelled.selector, owner, a.permitId)
        );
    }

    function test_contract_wallet_authorises_by_eip1271() public {
        OneSignerWallet wallet = new OneSignerWallet(owner);
        vm.prank(owner);
        wallet.call(address(c.identity), abi.encodeCall(c.identity.mint, (keccak256("wallet"))));
        vm.prank(owner);
        c.datasets.transferFrom(owner, address(wallet), datasetId);
        vm.prank(owner);
        wallet.call(address(c.datasets), abi.encodeCall(c.datasets.confirmOwnership, (datasetId)));
        uint256 id = _request(datasetId, grantee);
        Clauses memory cl = _clauses();
        cl.autoAuthorise = false;
        bytes memory granting = abi.encodeCall(c.acl.grant, (id, cl, _outputTerms()));
        vm.prank(owner);
        wallet.call(address(c.acl), granting);

        Terms memory t = _terms(id);
        PermitAuthorisation memory a = _authorisation(grantee, t, 0, START + 60);
        _expectSignedRevert(
            t,
            0,
            START + 60,
            _one(_signAuthorisation(GRANTEE_KEY, a)),
            abi.encodeWithSelector(IJobPermits.JobPermits_BadSignature.selector, datasetId, address(wallet))
        );
        bytes[] memory signatures = _one(_signAuthorisation(OWNER_KEY, a));
        vm.prank(grantee);
        bytes32 permitId = c.permits.issueJobPermit(t, 0, START + 60, signatures);
        _assertState(permitId, PermitState.Issued);
    }

    function test_without_any_authorisation_nothing_is_issued() public {
        Terms memory t = _terms(_grantStrict(_clauses()));
        bytes memory refusal =
            abi.encodeWithSelector(IJobPermits.JobPermits_NotAuthorised.selector, datasetId, owner);
        vm.expectRevert(refusal);
        _issue(t);
        _expectSignedRevert(t, 0, START + 60, _one(""), refusal);
    }

    function test_strangers_do_not_issue() public {
        Terms memory t = _terms(grantId);
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_NotIssuer.selector, stranger));
        _issueAs(stranger, t, 0);
    }

    function test_free_jobs_touch_no_token() public {
        uint256 free = _grantStrict(_clauses());
        Terms memory t = _terms(free);
        t.feeToken = address(0);
        t.maxFee = 0;
        vm.prank(grantee);
        c.credits.approve(address(c.settlement), 0);
        bytes32 permitId = _issueAs(owner, t, 0); // free: the owner needs no proposal
        (address token, uint256 locked) = c.settlement.lockOf(address(c.permits), permitId);
        vm.assertEq(token, address(0));
        vm.assertEq(locked, 0);
        _postAndAccept(permitId);
        vm.prank(owner);
        c.permits.release(permitId, datasetId, RELEASE, _controlled());
        _assertState(permitId, PermitState.Released);
        vm.assertEq(c.settlement.owed(address(c.credits)), 0);
    }

    // Price

    function test_quote_is_what_issuing_locks() public {
        bytes32 dear = keccak256("dear program");
        _approveProgram(dear, 77);
        Terms memory t = _terms(grantId);
        t.algorithmId = dear;
        Fees memory f = c.permits.quote(t);
        vm.assertEq(f.total, 1077);
        vm.assertEq(f.compute, 300);
        vm.assertEq(f.author, 177);
        vm.assertEq(f.data[0], 600);
        vm.assertEq(f.work, 250);
        t.maxFee = 1076;
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_InsufficientFee.selector, 1077, 1076));
        _issue(t);
        t.maxFee = 1077;
        bytes32 permitId = _issue(t);
        (, uint256 locked) = c.settlement.lockOf(address(c.permits), permitId);
        vm.assertEq(locked, 1077);
    }

    function test_tokens_must_agree() public {
        Terms memory t = _terms(grantId);
        t.feeToken = stranger;
        vm.expectRevert(
            abi.encodeWithSelector(IJobPermits.JobPermits_FeeTokenMismatch.selector, address(c.credits), stranger)
        );
        _issue(t);
    }

    function test_a_payer_without_funds_issues_nothing() public {
        vm.prank(grantee);
        c.credits.approve(address(c.settlement), 999);
        Terms memory t = _terms(grantId);
        vm.expectRevert();
        _issue(t);
        vm.assertEq(c.acl.countersOf(grantId).runsReserved, 0);
    }

    /// @dev However a fee is split, the parts are the whole.
    function testFuzz_parts_are_the_whole(uint96 fee, uint16 computeBps, uint16 authorBps) public {
        Clauses memory cl = _paidClauses();
        cl.feePerUse = uint96(_bound(fee, 1, 1_000_000));
        cl.workFee = 0;
        cl.computeBps = uint16(_bound(computeBps, 0, 10_000));
        cl.authorBps = uint16(_bound(authorBps, 0, 10_000 - cl.computeBps));
        Fees memory f = c.permits.quote(_terms(_grant(cl)));
        vm.assertEq(f.compute + f.author + f.data[0], cl.feePerUse);
        vm.assertEq(f.total, cl.feePerUse);
        vm.assertLe(f.compute, uint256(cl.feePerUse) * cl.computeBps / 10_000);
    }

    // Shape

    function test_arrays_must_match_and_be_1_to_16() public {
        Terms memory t = _terms(grantId);
        t.datasetRoots = new bytes32[](2);
        bytes4 badShape = IJobPermits.JobPermits_BadShape.selector;
        vm.expectRevert(abi.encodeWithSelector(badShape, 1, 1, 1, 2, 0));
        _issue(t);
        t = _terms(grantId);
        vm.expectRevert(abi.encodeWithSelector(badShape, 1, 1, 1, 1, 2));
        vm.prank(grantee);
        c.permits.issueJobPermit(t, 0, START + 1, new bytes[](2));
        t.grantIds = new uint256[](0);
        t.datasetIds = new uint256[](0);
        t.datasetVersions = new uint32[](0);
        t.datasetRoots = new bytes32[](0);
        vm.expectRevert(abi.encodeWithSelector(badShape, 0, 0, 0, 0, 0));
        _issue(t);
        t.grantIds = new uint256[](17);
        t.datasetIds = new uint256[](17);
        t.datasetVersions = new uint32[](17);
        t.datasetRoots = new bytes32[](17);
        vm.expectRevert(abi.encodeWithSelector(badShape, 17, 17, 17, 17, 0));
        _issue(t);
    }

    function test_sixteen_datasets_fit() public {
        uint256[] memory grantIds = new uint256[](16);
        for (uint256 i = 0; i < 16; ++i) {
            Clauses memory cl = _paidClauses();
            cl.datasetId = _registerDataset(owner);
            grantIds[i] = _grant(cl);
        }
        bytes32 permitId = _issue(_termsOver(grantIds));
        (, uint256 locked) = c.settlement.lockOf(address(c.permits), permitId);
        vm.assertEq(locked, 16_000);
        _postAndAccept(permitId);
        vm.assertEq(_balance(operator), 4800);
    }

    function test_datasets_ascend_strictly() public {
        Terms memory t = _terms(grantId);
        t.grantIds = new uint256[](2);
        (t.grantIds[0], t.grantIds[1]) = (grantId, grantId);
        t.datasetIds = new uint256[](2);
        (t.datasetIds[0], t.datasetIds[1]) = (datasetId, datasetId);
        t.datasetVersions = new uint32[](2);
        t.datasetRoots = new bytes32[](2);
        vm.expectRevert(
            abi.encodeWithSelector(IJobPermits.JobPermits_DatasetsNotAscending.selector, datasetId, datasetId)
        );
        _issue(t);
    }

    function test_windows_on_both_sides_of_their_bounds() public {
        Terms memory t = _terms(grantId);
        bytes4 bad = IJobPermits.JobPermits_BadWindows.selector;
        (t.challengeWindow, t.releaseWindow) = (uint32(30 days) + 1, 1);
        vm.expectRevert(abi.encodeWithSelector(bad, t.challengeWindow, t.releaseWindow));
        _issue(t);
        (t.challengeWindow, t.releaseWindow) = (0, 0);
        vm.expectRevert(abi.encodeWithSelector(bad, t.challengeWindow, t.releaseWindow));
        _issue(t);
        (t.challengeWindow, t.releaseWindow) = (0, uint32(366 days) + 1);
        vm.expectRevert(abi.encodeWithSelector(bad, t.challengeWindow, t.releaseWindow));
        _issue(t);
        (t.challengeWindow, t.releaseWindow) = (uint32(30 days), uint32(366 days));
        _issue(t);
        (t.challengeWindow, t.releaseWindow) = (0, 1);
        _issue(t);
    }

    function test_permit_expiry_on_both_sides_of_its_bounds() public {
        Terms memory t = _terms(grantId);
        bytes4 bad = IJobPermits.JobPermits_BadExpiry.selector;
        uint64 grantExpiry = START + 30 * DAY;
        t.expiry = START;
        vm.expectRevert(abi.encodeWithSelector(bad, START, START, grantExpiry));
        _issue(t);
        t.expiry = grantExpiry + 1;
        vm.expectRevert(abi.encodeWithSelector(bad, grantExpiry + 1, START, grantExpiry));
        _issue(t);
        t.expiry = grantExpiry;
        _issue(t);
        t.expiry = START + 1;
        _issue(t);
    }

    // What it runs, where, on what

    function test_operator_must_be_a_settler_in_the_region() public {
        Terms memory t = _terms(grantId);
        t.operator = stranger;
        vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_BadOperator.selector, stranger));
        _issue(t);
        t = _terms(grantId);
        t.regionCode = "CH";
        bytes memory outside =
            abi.encodeWithSelector(IJobPermits.JobPermits_OperatorOutsideRegion.selector, operator, bytes32("CH"));
        vm.expectRevert(outside);
        _issue(t);
        vm.prank(oracle);
        c.regions.attest(operator, "CH", START + 10);
        vm.warp(START + 10);
        vm.expectRevert(outside);
        _issue(t);
        vm.warp(START + 9);
        _issue(t);
    }

    function test_program_must_be_approved() public {
        Terms memory t = _terms(grantId);
        t.algorithmId = keccak256("unknown");
        bytes4 notApproved = IJobPermits.JobPermits_AlgorithmNotApproved.selector;
        vm.expectRevert(abi.encodeWithSelector(notApproved, t.algorithmId));
        _issue(t);
        t.algorithmId = PROGRAM;
        vm.prank(curator);
        c.algorithms.setState(PROGRAM, AlgorithmState.Deprecated);
        vm.expectRevert(abi.encodeWithSelector(notApproved, PROGRAM));
        _issue(t);
    }

    function test_grant_and_dataset_must_belong_together() public {
        uint256 other = _registerDataset(owner);
        Terms memory t = _terms(grantId);
        t.datasetIds[0] = other;
        vm.expectRevert(
            abi.encodeWithSelector(IJobPermits.JobPermits_WrongDataset.selector, grantId, datasetId, other)
        );
        _issue(t);
    }

    function test_root_must_be_the_versions() public {
        Terms memory t = _terms(grantId);
        t.datasetRoots[0] = keccak256("forged");
        vm.expectRevert(
            abi.encodeWithSelector(
                IJobPermits.JobPermits_RootMismatch.selector, datasetId, 1, ROOT, keccak256("forged")
            )
        );
        _issue(t);
    }

    // The clauses, as issuing meets them

    function test_clause_errors_come_through() public {
        Terms memory t = _terms(grantId);
        t.purposeHash = "x";
        vm.expectRevert(
            abi.encodeWithSelector(IAccessACL.AccessACL_WrongPurpose.selector, grantId, PURPOSE, bytes32("x"))
        );
        _issue(t);
        t = _terms(grantId);
        t.grantIds[0] = 99;
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_UnknownGrant.selector, 99));
        _issue(t);
        t = _terms(grantId);
        t.datasetVersions[0] = 2;
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_VersionMismatch.selector, grantId, 2));
        _issue(t);
        t = _terms(grantId);
        t.exactReleases = 11;
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_ReleasesExhausted.selector, grantId, 10, 11));
        _issue(t);
        t = _terms(grantId);
        t.epsilonMicro = 1001;
        vm.expectRevert(
            abi.encodeWithSelector(IAccessACL.AccessACL_BudgetExhausted.selector, grantId, 1000, 1001, 100, 0)
        );
        _issue(t);
        t = _terms(grantId);
        vm.warp(START + 30 * DAY);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessACL.AccessACL_Expired.selector, grantId, START + 30 * DAY, START + 30 * DAY
            )
        );
        _issue(t);
        vm.warp(START);
        vm.prank(owner);
        c.acl.revoke(grantId);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_Revoked.selector, grantId));
        _issue(t);
    }

    function test_someone_elses_grant_is_of_no_use() public {
        _mintIdentity(stranger);
        Terms memory t = _terms(grantId);
        t.grantee = stranger;
        vm.expectRevert(
            abi.encodeWithSelector(IAccessACL.AccessACL_WrongGrantee.selector, grantId, grantee, stranger)
        );
        _issue(t);
    }

    function test_program_list_of_the_grant_binds() public {
        Clauses memory cl = _clauses();
        cl.allowedAlgorithms = new bytes32[](1);
        cl.allowedAlgorithms[0] = keccak256("only this");
        Terms memory t = _terms(_grant(cl));
        vm.expectRevert(
            abi.encodeWithSelector(IAccessACL.AccessACL_AlgorithmNotAllowed.selector, t.grantIds[0], PROGRAM)
        );
        _issue(t);
        _approveProgram(keccak256("only this"), 0);
        t.algorithmId = keccak256("only this");
        _issue(t);
    }

    function test_runs_and_rate_run_out() public {
        Clauses memory cl = _clauses();
        cl.maxRuns = 3;
        cl.rateMax = 2;
        cl.rateWindow = 100;
        uint256 id = _grant(cl);
        Terms memory t = _terms(id);
        _issueAs(grantee, t, 0);
        _issueAs(grantee, t, 1);
        vm.warp(START + 99);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_RateExceeded.selector, id, 2, 100, START + 99));
        _issueAs(grantee, t, 2);
        vm.warp(START + 100);
        _issueAs(grantee, t, 2);
        vm.warp(START + 200);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_RunsExhausted.selector, id, 3, 3, 0));
        _issueAs(grantee, t, 3);
    }

    function test_a_returned_run_can_be_used_again() public {
        Clauses memory cl = _clauses();
        cl.maxRuns = 1;
        uint256 id = _grant(cl);
        Terms memory t = _terms(id);
        bytes32 permitId = _issueAs(grantee, t, 0);
        vm.prank(grantee);
        c.permits.cancel(permitId);
        permitId = _issueAs(grantee, t, 1);
        _postAndAccept(permitId);
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_RunsExhausted.selector, id, 1, 0, 1));
        _issueAs(grantee, t, 2);
    }

    function test_pinned_grant_moves_to_the_barrier_after_withdrawal() public {
        Clauses memory cl = _clauses();
        cl.versionPolicy = VersionPolicy.Pin;
        cl.pinnedVersion = 1;
        uint256 id = _grant(cl);
        vm.startPrank(owner);
        c.datasets.publishVersion(datasetId, VersionReason.Append, keccak256("2"), "");
        vm.stopPrank();
        vm.assertEq(c.acl.admissibleVersionOf(id), 1);
        Terms memory stale = _terms(id);
        vm.prank(owner);
        c.datasets.publishVersion(datasetId, VersionReason.Withdraw, keccak256("3"), "");
        vm.expectRevert(abi.encodeWithSelector(IAccessACL.AccessACL_VersionBarred.selector, id, 1));
        _issue(stale);
        vm.assertEq(c.acl.admissibleVersionOf(id), 3);
        _issue(_terms(id));
    }

    // Several owners

    function test_each_owner_authorises_its_own_dataset() public {
        uint256 secondKey = 0x5ec0;
        address second = vm.addr(secondKey);
        _mintIdentity(second);
        Clauses memory cl = _paidClauses();
        cl.datasetId = _registerDataset(second);
        cl.autoAuthorise = false;
        uint256[] memory grantIds = new uint256[](2);
        grantIds[0] = grantId; // pre-authorised by the first owner
        grantIds[1] = _grant(cl);
        Terms memory t = _termsOver(grantIds);
        PermitAuthorisation memory a = _authorisation(grantee, t, 0, START + 60);
        bytes[] memory signatures = new bytes[](2);
        signatures[1] = _signAuthorisation(OWNER_KEY, a); // the wrong owner
        _expectSignedRevert(
            t,
            0,
            START + 60,
            signatures,
            abi.encodeWithSelector(IJobPermits.JobPermits_BadSignature.selector, cl.datasetId, second)
        );
        signatures[1] = _signAuthorisation(secondKey, a);
        vm.prank(grantee);
        bytes32 permitId = c.permits.issueJobPermit(t, 0, START + 60, signatures);
        (, uint256 locked) = c.settlement.lockOf(address(c.permits), permitId);
        vm.assertEq(locked, 2000);
        vm.assertEq(c.acl.countersOf(grantIds[0]).runsReserved, 1);
        vm.assertEq(c.acl.countersOf(grantIds[1]).runsReserved, 1);
    }

    function _grantStrict(Clauses memory cl) private returns (uint256) {
        cl.autoAuthorise = false;
        return _grant(cl);
    }

    function _expectSignedRevert(
        Terms memory t,
        uint256 nonce,
        uint64 deadline,
        bytes[] memory signatures,
        bytes memory data
    ) private {
        vm.expectRevert(data);
        vm.prank(grantee);
        c.permits.issueJobPermit(t, nonce, deadline, signatures);
    }

    /// @dev The way logged for the only dataset of a permit.
    function _assertWay(bytes32 permitId, AuthorisationWay expected) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IJobPermits.JobAuthorised.selector) continue;
            vm.assertEq(logs[i].topics[1], permitId);
            (, uint256 way) = abi.decode(logs[i].data, (uint256, uint256));
            vm.assertEq(way, uint256(expected));
            return;
        }
        vm.assertTrue(false, "no JobAuthorised");
    }
}
