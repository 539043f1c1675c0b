// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Contracts} from "../../script/Deployment.sol";
import {vm} from "../../script/Vm.sol";
import {DatasetStatus, VersionReason} from "../../src/interfaces/IDatasetRegistry.sol";
import {GrantState} from "../../src/types/GrantTypes.sol";
import {Permit, PermitState, ReleaseClass, Terms} from "../../src/types/PermitTypes.sol";

/// @notice Who acts in the invariant tests.
struct Cast {
    address grantee;
    address owner;
    address owner2;
    address operator;
    address author;
    address arbiter;
    address worker;
    address worker2;
    address stranger;
}

/// @notice Does whatever anyone may try, in any order and at any time, and remembers what must never happen.
/// @dev Every attempt is a call that may fail; `count` tells how often each state was reached, so that a run in which
/// nothing succeeds is noticed.
contract PermitHandler {
    uint256 private constant MAX_PERMITS = 24;

    Contracts private c;
    Cast private cast;
    uint256[] private _grantIds;

    bytes32[] public permitIds;
    mapping(bytes32 permitId => PermitState) public seen;
    mapping(bytes32 permitId => bytes32) public firstCommitment;
    mapping(bytes32 permitId => uint256) public feeOf;
    uint256 private _nonce;

    /// @notice A transition outside the table happened.
    string public forbidden;
    /// @notice A permit was issued under a grant that was revoked.
    bool public issuedUnderRevoked;
    /// @notice A commitment changed after it was posted.
    bool public commitmentChanged;

    constructor(Contracts memory c_, Cast memory cast_, uint256[] memory grantIds_) {
        c = c_;
        cast = cast_;
        _grantIds = grantIds_;
    }

    function issue(uint256 which, uint256 shape) external {
        if (permitIds.length >= MAX_PERMITS) return;
        Terms memory t = _termsFor(which, shape);
        bool revoked = false;
        for (uint256 i = 0; i < t.grantIds.length; ++i) {
            if (c.acl.stateOf(t.grantIds[i]) == GrantState.Revoked) revoked = true;
        }
        uint256 nonce = _nonce++;
        uint256 fee = c.permits.quote(t).total;
        vm.prank(cast.grantee);
        try c.permits.issueJobPermit(t, nonce, 0, new bytes[](0)) returns (bytes32 id) {
            if (revoked) issuedUnderRevoked = true;
            permitIds.push(id);
            feeOf[id] = fee;
        } catch {}
        _observe();
    }

    function post(uint256 which, bool other) external {
        _attempt(
            cast.operator,
            abi.encodeCall(c.permits.postResult, (_id(which), other ? bytes32("b") : bytes32("a"), ""))
        );
    }

    /// @dev The six ways in which a permit ends other than by release.
    function end(uint256 which, uint256 how) external {
        bytes32 id = _id(which);
        if (how % 6 == 0) _attempt(cast.grantee, abi.encodeCall(c.permits.cancel, (id)));
        else if (how % 6 == 1) _attempt(cast.stranger, abi.encodeCall(c.permits.voidRevoked, (id)));
        else if (how % 6 == 2) _attempt(cast.stranger, abi.encodeCall(c.permits.expire, (id)));
        else if (how % 6 == 3) _attempt(cast.operator, abi.encodeCall(c.permits.fail, (id, bytes32("x"))));
        else if (how % 6 == 4) _attempt(cast.stranger, abi.encodeCall(c.permits.timeOutRuling, (id)));
        else _attempt(cast.stranger, abi.encodeCall(c.permits.lapse, (id)));
    }

    function challenge(uint256 which, bool byGrantee) external {
        address who = byGrantee ? cast.grantee : cast.stranger;
        _attempt(who, abi.encodeCall(c.permits.challenge, (_id(which), bytes32("why"))));
    }

    function attest(uint256 which, bool second, bool other) external {
        address who = second ? cast.worker2 : cast.worker;
        bytes32 commitment = other ? bytes32("b") : bytes32("a");
        _attempt(who, abi.encodeCall(c.permits.attestReplica, (_id(which), commitment)));
    }

    function accept(uint256 which) external {
        _attempt(cast.stranger, abi.encodeCall(c.permits.accept, (_id(which))));
    }

    function rule(uint256 which, bool stands) external {
        _attempt(cast.arbiter, abi.encodeCall(c.permits.rule, (_id(which), stands)));
    }

    function release(uint256 which, bool second) external {
        uint256 datasetId = c.acl.requestOf(_grantIds[second ? 1 : 0]).datasetId;
        address who = second ? cast.owner2 : cast.owner;
        _attempt(
            who, abi.encodeCall(c.permits.release, (_id(which), datasetId, bytes32("r"), ReleaseClass.Controlled))
        );
    }

    /// @dev What owners do meanwhile. Rarely, or nothing would ever be accepted; a pause is lifted at once or later.
    function disrupt(uint256 how, uint256 which) external {
        uint256 grantId = _grantIds[which % _grantIds.length];
        uint256 datasetId = c.acl.requestOf(grantId).datasetId;
        vm.startPrank(c.datasets.ownerOf(datasetId));
        if (how % 16 == 0) {
            try c.acl.revoke(grantId) {} catch {}
        } else if (how % 16 == 1) {
            c.datasets.publishVersion(datasetId, VersionReason.Withdraw, keccak256(abi.encode(how)), "");
        } else if (how % 16 == 2) {
            c.datasets.publishVersion(datasetId, VersionReason.Append, keccak256(abi.encode(how)), "");
        } else {
            c.datasets.setStatus(datasetId, how % 16 == 3 ? DatasetStatus.Paused : DatasetStatus.Active);
        }
        vm.stopPrank();
        _observe();
    }

    function withdraw(uint256 who) external {
        address[6] memory people =
            [cast.grantee, cast.owner, cast.owner2, cast.operator, cast.author, cast.stranger];
        vm.prank(people[who % 6]);
        try c.settlement.withdraw(address(c.credits), people[who % 6]) {} catch {}
        _observe();
    }

    function passTime(uint256 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 2 days);
    }

    function permitCount() external view returns (uint256) {
        return permitIds.length;
    }

    function _attempt(address who, bytes memory data) private {
        vm.prank(who);
        (bool ok,) = address(c.permits).call(data);
        ok; // either outcome is fine; what it left behind is looked at next
        _observe();
    }

    function _id(uint256 which) private view returns (bytes32) {
        return permitIds.length == 0 ? bytes32("none") : permitIds[which % permitIds.length];
    }

    /// @dev One grant of either dataset, or both datasets at once.
    function _termsFor(uint256 which, uint256 shape) private view returns (Terms memory t) {
        uint256 count = shape % 3 == 0 ? 2 : 1;
        t.grantIds = new uint256[](count);
        t.datasetIds = new uint256[](count);
        t.datasetVersions = new uint32[](count);
        t.datasetRoots = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 grantId = count == 2 ? _grantIds[i] : _grantIds[which % _grantIds.length];
            t.grantIds[i] = grantId;
            t.datasetIds[i] = c.acl.requestOf(grantId).datasetId;
            t.datasetVersions[i] = c.acl.admissibleVersionOf(grantId);
            t.datasetRoots[i] = c.datasets.rootOf(t.datasetIds[i], t.datasetVersions[i]);
        }
        t.algorithmId = keccak256("program");
        t.purposeHash = keccak256("purpose");
        t.grantee = cast.grantee;
        t.operator = cast.operator;
        t.expiry = uint64(block.timestamp) + 3 days;
        t.challengeWindow = shape % 2 == 0 ? 0 : uint32(1 days);
        t.releaseWindow = uint32(2 days);
        t.feeToken = address(c.credits);
        t.maxFee = type(uint256).max;
        t.epsilonMicro = uint64(shape % 200);
        t.exactReleases = uint32(shape % 2);
        t.replicas = uint8(shape % 3);
    }

    /// @dev Compares every permit with what was seen of it before.
    function _observe() private {
        for (uint256 i = 0; i < permitIds.length; ++i) {
            bytes32 id = permitIds[i];
            Permit memory p = c.permits.permitOf(id);
            PermitState before = seen[id];
            if (p.state != before) {
                if (!_inTable(before, p.state)) {
                    forbidden = string.concat(vm.toString(uint256(before)), " to ", vm.toString(uint256(p.state)));
                }
                seen[id] = p.state;
            }
            if (firstCommitment[id] == 0) firstCommitment[id] = p.resultCommitment;
            else if (firstCommitment[id] != p.resultCommitment) commitmentChanged = true;
        }
    }

    /// @dev The arrows of the table; a step is looked at after each call, so none is skipped.
    function _inTable(PermitState from, PermitState to) private pure returns (bool) {
        if (from == PermitState.None) return to == PermitState.Issued;
        if (from == PermitState.Issued) return to == PermitState.Posted || to == PermitState.Refunded;
        if (from == PermitState.Posted) return to == PermitState.Challenged || to == PermitState.Accepted;
        if (from == PermitState.Challenged) return to == PermitState.Accepted || to == PermitState.Refunded;
        if (from == PermitState.Accepted) return to == PermitState.Released || to == PermitState.Lapsed;
        return false; // Released, Lapsed and Refunded are final
    }
}
