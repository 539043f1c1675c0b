// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CosTest} from "./base/CosTest.sol";
import {vm} from "../script/Vm.sol";
import {VersionReason} from "../src/interfaces/IDatasetRegistry.sol";
import {Clauses, OutputTerms} from "../src/types/GrantTypes.sol";
import {PermitAuthorisation, ReleaseClass, Terms} from "../src/types/PermitTypes.sol";

/// @notice One call per test, everything else in `setUp`: the figures of .gas-snapshot.
contract GasTest is CosTest {
    uint256 private pending;
    uint256 private grantId;
    bytes32 private issued;
    bytes32 private posted;
    bytes32 private accepted;
    bytes32 private termsHash;
    Clauses private clauses;
    OutputTerms private outputTerms;
    Terms private terms;
    bytes[] private signatures;
    uint64 private releaseBy;

    function setUp() public override {
        super.setUp();
        clauses = _paidClauses();
        clauses.opMask = READ | COMPUTE;
        outputTerms = _outputTerms();
        termsHash = _termsHash();
        grantId = _grant(clauses);
        pending = _request(datasetId, grantee);
        accepted = _issueAs(grantee, _terms(grantId), 1);
        _postAndAccept(accepted);
        releaseBy = c.permits.permitOf(accepted).releaseBy;
        posted = _issueAs(grantee, _terms(grantId), 2);
        _post(posted);
        issued = _issueAs(grantee, _terms(grantId), 3);
        terms = _terms(grantId);
        PermitAuthorisation memory a = _authorisation(grantee, terms, 5, START + DAY);
        signatures.push(_signAuthorisation(OWNER_KEY, a));
    }

    function test_gas_register_dataset() public {
        vm.prank(owner);
        c.datasets.register(ROOT, CONTEXT, new bytes32[](2), "cos-object:0123456789abcdef", "CH");
    }

    function test_gas_publish_version() public {
        vm.prank(owner);
        c.datasets.publishVersion(datasetId, VersionReason.Append, ROOT, "cos-object:0123456789abcdef");
    }

    function test_gas_request() public {
        vm.prank(grantee);
        c.acl.request(datasetId, COMPUTE, PURPOSE, termsHash, "");
    }

    function test_gas_grant() public {
        vm.prank(owner);
        c.acl.grant(pending, clauses, outputTerms);
    }

    function test_gas_revoke() public {
        vm.prank(owner);
        c.acl.revoke(grantId);
    }

    function test_gas_revoke_all() public {
        vm.prank(owner);
        c.acl.revokeAll(datasetId);
    }

    function test_gas_reserve_tickets() public {
        vm.prank(grantee);
        c.acl.reserveTickets(grantId, READ, 1, stranger);
    }

    function test_gas_can_access() public view {
        c.acl.canAccess(grantId, grantee, COMPUTE, PURPOSE, 0, START);
    }

    function test_gas_issue_pre_authorised() public {
        vm.prank(grantee);
        c.permits.issueJobPermit(terms, 4, 0, new bytes[](0));
    }

    function test_gas_issue_signed() public {
        vm.prank(grantee);
        c.permits.issueJobPermit(terms, 5, START + DAY, signatures);
    }

    function test_gas_post_result() public {
        vm.prank(operator);
        c.permits.postResult(issued, RESULT, "cos-object:0123456789abcdef");
    }

    function test_gas_cancel() public {
        vm.prank(grantee);
        c.permits.cancel(issued);
    }

    function test_gas_attest_replica() public {
        vm.prank(worker);
        c.permits.attestReplica(posted, RESULT);
    }

    function test_gas_accept() public {
        vm.warp(START + 3 hours);
        c.permits.accept(posted);
    }

    function test_gas_release() public {
        vm.prank(owner);
        c.permits.release(accepted, datasetId, RELEASE, ReleaseClass.Controlled);
    }

    function test_gas_lapse() public {
        vm.warp(releaseBy);
        c.permits.lapse(accepted);
    }

    function test_gas_withdraw() public {
        vm.prank(operator);
        c.settlement.withdraw(address(c.credits), operator);
    }
}
