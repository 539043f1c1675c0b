// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {vm} from "../script/Vm.sol";
import {ClauseRules} from "../src/libraries/ClauseRules.sol";
import {Clauses, Counters, Facts, GrantState, Query, Reason, VersionPolicy} from "../src/types/GrantTypes.sol";

/// @notice Runs test/vectors/clauses.json, the table that Solidity and TypeScript share. Invariant 1.
contract ClauseVectorsTest {
    bool public constant IS_TEST = true;

    string private json;
    string private path; // of the present case

    function test_every_vector() public {
        json = vm.readFile("test/vectors/clauses.json");
        uint256 count = 0;
        while (vm.keyExistsJson(json, _case(count))) {
            path = _case(count);
            Reason actual = ClauseRules.decide(_clauses(), _counters(), _facts(), _query());
            vm.assertEq(_nameOf(actual), vm.parseJsonString(json, string.concat(path, ".expect")));
            ++count;
        }
        vm.assertGt(count, 60);
    }

    function test_reasons_and_clauses_are_numbered_as_in_the_table() public {
        json = vm.readFile("test/vectors/clauses.json");
        vm.assertEq(_nameOf(Reason.AlgorithmNotAllowed), "AlgorithmNotAllowed");
        vm.assertFalse(vm.keyExistsJson(json, ".reasons[21]"));
        for (uint256 i = 0; i <= uint256(type(Reason).max); ++i) {
            string memory key = string.concat(".clauseOf[", vm.toString(i), "]");
            vm.assertEq(ClauseRules.clauseOf(Reason(i)), vm.parseJsonUint(json, key), _nameOf(Reason(i)));
        }
    }

    function _case(uint256 i) private pure returns (string memory) {
        return string.concat(".cases[", vm.toString(i), "]");
    }

    function _nameOf(Reason reason) private view returns (string memory) {
        return vm.parseJsonString(json, string.concat(".reasons[", vm.toString(uint256(reason)), "]"));
    }

    /// @dev The case's own value, or the default.
    function _key(string memory field) private view returns (string memory key) {
        key = string.concat(path, field);
        if (!vm.keyExistsJson(json, key)) key = string.concat(".defaults", field);
    }

    function _uint(string memory field) private view returns (uint256) {
        return vm.parseJsonUint(json, _key(field));
    }

    function _bytes32(string memory field) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, _key(field));
    }

    function _clauses() private view returns (Clauses memory c) {
        c.grantee = vm.parseJsonAddress(json, _key(".clauses.grantee"));
        c.opMask = uint8(_uint(".clauses.opMask"));
        c.allowedAlgorithms = vm.parseJsonBytes32Array(json, _key(".clauses.allowedAlgorithms"));
        c.purposeHash = _bytes32(".clauses.purposeHash");
        c.notBefore = uint64(_uint(".clauses.notBefore"));
        c.expiry = uint64(_uint(".clauses.expiry"));
        c.maxRuns = uint32(_uint(".clauses.maxRuns"));
        c.maxTickets = uint32(_uint(".clauses.maxTickets"));
        c.rateMax = uint32(_uint(".clauses.rateMax"));
        c.rateWindow = uint32(_uint(".clauses.rateWindow"));
        c.regionCode = _bytes32(".clauses.regionCode");
        c.epsilonMicro = uint64(_uint(".clauses.epsilonMicro"));
        c.deltaNano = uint64(_uint(".clauses.deltaNano"));
        c.exactReleases = uint32(_uint(".clauses.exactReleases"));
        c.versionPolicy = VersionPolicy(_uint(".clauses.versionPolicy"));
        c.pinnedVersion = uint32(_uint(".clauses.pinnedVersion"));
    }

    function _counters() private view returns (Counters memory n) {
        n.runsReserved = uint32(_uint(".counters.runsReserved"));
        n.runsUsed = uint32(_uint(".counters.runsUsed"));
        n.ticketsReserved = uint32(_uint(".counters.ticketsReserved"));
        n.rateCount = uint32(_uint(".counters.rateCount"));
        n.rateIndex = uint64(_uint(".counters.rateIndex"));
        n.epsilonReserved = uint64(_uint(".counters.epsilonReserved"));
        n.epsilonUsed = uint64(_uint(".counters.epsilonUsed"));
        n.deltaReserved = uint64(_uint(".counters.deltaReserved"));
        n.deltaUsed = uint64(_uint(".counters.deltaUsed"));
        n.releasesReserved = uint32(_uint(".counters.releasesReserved"));
        n.releasesUsed = uint32(_uint(".counters.releasesUsed"));
    }

    function _facts() private view returns (Facts memory f) {
        f.state = GrantState(_uint(".facts.state"));
        f.identityLive = vm.parseJsonBool(json, _key(".facts.identityLive"));
        f.datasetLive = vm.parseJsonBool(json, _key(".facts.datasetLive"));
        f.latestVersion = uint32(_uint(".facts.latestVersion"));
        f.barrierVersion = uint32(_uint(".facts.barrierVersion"));
    }

    function _query() private view returns (Query memory q) {
        q.grantee = vm.parseJsonAddress(json, _key(".query.grantee"));
        q.op = uint8(_uint(".query.op"));
        q.purposeHash = _bytes32(".query.purposeHash");
        q.regionCode = _bytes32(".query.regionCode");
        q.time = uint64(_uint(".query.time"));
        q.tickets = uint32(_uint(".query.tickets"));
        q.epsilonMicro = uint64(_uint(".query.epsilonMicro"));
        q.deltaNano = uint64(_uint(".query.deltaNano"));
        q.exactReleases = uint32(_uint(".query.exactReleases"));
        q.version = uint32(_uint(".query.version"));
        q.algorithmId = _bytes32(".query.algorithmId");
    }
}
