// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Contracts, Deployment, DeploymentConfig} from "../../script/Deployment.sol";
import {vm} from "../../script/Vm.sol";
import {IAuthority} from "../../src/interfaces/IAuthority.sol";
import {AlgorithmState} from "../../src/interfaces/IAlgorithmRegistry.sol";
import {Roles} from "../../src/libraries/Roles.sol";
import {Clauses, OutputPolicy, OutputTerms, Reason, VersionPolicy} from "../../src/types/GrantTypes.sol";
import {PermitAuthorisation, PermitState, ReleaseClass, Terms} from "../../src/types/PermitTypes.sol";

/// @notice A deployment with people in it: the scene of every test. The clock starts at START; one dataset is
/// registered by `owner`, one program approved, and `grantee` holds credits.
abstract contract CosTest {
    /// @notice Lets forge run this contract.
    bool public constant IS_TEST = true;

    uint64 internal constant START = 1_800_000_000;
    uint64 internal constant DAY = 1 days;
    uint8 internal constant READ = 1;
    uint8 internal constant LIST = 2;
    uint8 internal constant EXPORT = 4;
    uint8 internal constant COMPUTE = 8;

    bytes32 internal constant PURPOSE = keccak256("purpose");
    bytes32 internal constant ROOT = keccak256("manifest 1");
    bytes32 internal constant CONTEXT = keccak256("context");
    bytes32 internal constant PROGRAM = keccak256("program");
    bytes32 internal constant RESULT = keccak256("result");
    bytes32 internal constant RELEASE = keccak256("release");

    uint256 internal constant OWNER_KEY = 0xa11ce;
    uint256 internal constant GRANTEE_KEY = 0xb0b;

    Contracts internal c;
    address internal admin = address(this);
    address internal owner = vm.addr(OWNER_KEY);
    address internal grantee = vm.addr(GRANTEE_KEY);
    address internal operator = vm.addr(0x0b);
    address internal author = vm.addr(0xa0);
    address internal arbiter = vm.addr(0xa2);
    address internal curator = vm.addr(0xc0);
    address internal oracle = vm.addr(0x0a);
    address internal pauser = vm.addr(0x9a);
    address internal worker = vm.addr(0x30);
    address internal worker2 = vm.addr(0x31);
    address internal stranger = vm.addr(0x5a);

    uint256 internal datasetId;

    function setUp() public virtual {
        vm.warp(START);
        c = Deployment.deploy(_config());
        _labels();
        c.authority.grantRole(Roles.SETTLER, operator);
        c.authority.grantRole(Roles.ARBITER, arbiter);
        c.authority.grantRole(Roles.CURATOR, curator);
        c.authority.grantRole(Roles.ORACLE, oracle);
        c.authority.grantRole(Roles.PAUSER, pauser);
        c.authority.grantRole(Roles.WORKER, worker);
        c.authority.grantRole(Roles.WORKER, worker2);
        c.authority.grantRole(Roles.MINTER, admin);
        _mintIdentity(owner);
        _mintIdentity(grantee);
        datasetId = _registerDataset(owner);
        _approveProgram(PROGRAM, 0);
        c.credits.mint(grantee, 1_000_000);
        vm.prank(grantee);
        c.credits.approve(address(c.settlement), type(uint256).max);
    }

    function _config() internal view virtual returns (DeploymentConfig memory) {
        return DeploymentConfig({
            admin: admin,
            adminDelay: 2 days,
            recoveryDelay: 7 days,
            rulingWindow: 3 days,
            bondInCredits: false,
            bondAmount: 0
        });
    }

    function _labels() private {
        vm.label(owner, "owner");
        vm.label(grantee, "grantee");
        vm.label(operator, "operator");
        vm.label(author, "author");
        vm.label(stranger, "stranger");
        vm.label(address(c.acl), "AccessACL");
        vm.label(address(c.permits), "JobPermits");
        vm.label(address(c.settlement), "Settlement");
        vm.label(address(c.datasets), "DatasetRegistry");
    }

    function _mintIdentity(address who) internal returns (uint256 sbtId) {
        vm.prank(who);
        return c.identity.mint(keccak256(abi.encode("did", who)));
    }

    function _registerDataset(address who) internal returns (uint256) {
        vm.prank(who);
        return c.datasets.register(ROOT, CONTEXT, new bytes32[](0), "cos://manifest/1", 0);
    }

    function _approveProgram(bytes32 algorithmId, uint128 fee) internal {
        vm.prank(author);
        c.algorithms.register(algorithmId, fee == 0 ? address(0) : address(c.credits), fee, "cos://program");
        vm.prank(curator);
        c.algorithms.setState(algorithmId, AlgorithmState.Approved);
    }

    function _outputTerms() internal pure returns (OutputTerms memory) {
        return OutputTerms({allowReencrypt: true, allowMultiKey: false, documentHash: keccak256("agreement")});
    }

    function _termsHash() internal view returns (bytes32) {
        return c.acl.hashOutputTerms(_outputTerms());
    }

    /// @dev A free grant for COMPUTE, valid from now for 30 days, ten runs.
    function _clauses() internal view returns (Clauses memory cl) {
        cl.sbtId = c.identity.sbtOf(grantee);
        cl.grantee = grantee;
        cl.datasetId = datasetId;
        cl.opMask = COMPUTE;
        cl.allowedAlgorithms = new bytes32[](0);
        cl.purposeHash = PURPOSE;
        cl.notBefore = uint64(block.timestamp);
        cl.expiry = uint64(block.timestamp) + 30 * DAY;
        cl.maxRuns = 10;
        cl.maxTickets = 5;
        cl.epsilonMicro = 1000;
        cl.deltaNano = 100;
        cl.exactReleases = 10;
        cl.outputPolicy = OutputPolicy.ReencryptToGrantee;
        cl.termsHash = _termsHash();
        cl.versionPolicy = VersionPolicy.Follow;
        cl.graceSeconds = 1 hours;
        cl.autoAuthorise = true;
    }

    /// @dev The same at a price: 1000 a run, of which 300 to the operator, 100 to the author, 600 to the owner.
    function _paidClauses() internal view returns (Clauses memory cl) {
        cl = _clauses();
        cl.feeToken = address(c.credits);
        cl.feePerUse = 1000;
        cl.workFee = 250;
        cl.computeBps = 3000;
        cl.authorBps = 1000;
    }

    /// @dev Requests all operations, then grants `cl`.
    function _grant(Clauses memory cl) internal returns (uint256 grantId) {
        grantId = _request(cl.datasetId, cl.grantee);
        _answer(c.datasets.ownerOf(cl.datasetId), grantId, cl);
    }

    /// @dev Grants a request. Everything is read before `prank`, which holds for the next call only.
    function _answer(address sender, uint256 grantId, Clauses memory cl) internal {
        OutputTerms memory outputTerms = _outputTerms();
        vm.prank(sender);
        c.acl.grant(grantId, cl, outputTerms);
    }

    function _request(uint256 dataset, address who) internal returns (uint256 grantId) {
        bytes32 termsHash = _termsHash();
        vm.prank(who);
        return c.acl.request(dataset, READ | LIST | EXPORT | COMPUTE, PURPOSE, termsHash, "");
    }

    /// @dev Terms of one run on one grant: a week to compute, an hour to challenge, a week to release.
    function _terms(uint256 grantId) internal view returns (Terms memory t) {
        uint256[] memory grantIds = new uint256[](1);
        grantIds[0] = grantId;
        return _termsOver(grantIds);
    }

    function _termsOver(uint256[] memory grantIds) internal view returns (Terms memory t) {
        uint256 count = grantIds.length;
        t.grantIds = grantIds;
        t.datasetIds = new uint256[](count);
        t.datasetVersions = new uint32[](count);
        t.datasetRoots = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            t.datasetIds[i] = c.acl.requestOf(grantIds[i]).datasetId;
            t.datasetVersions[i] = c.acl.admissibleVersionOf(grantIds[i]);
            t.datasetRoots[i] = c.datasets.rootOf(t.datasetIds[i], t.datasetVersions[i]);
        }
        t.algorithmId = PROGRAM;
        t.purposeHash = PURPOSE;
        t.paramsHash = keccak256("trait");
        t.grantee = grantee;
        t.operator = operator;
        t.expiry = uint64(block.timestamp) + 7 * DAY;
        t.challengeWindow = 1 hours;
        t.releaseWindow = uint32(7 * DAY);
        t.feeToken = address(c.credits);
        t.maxFee = 100_000;
        t.exactReleases = 1;
        t.replicas = 2;
    }

    /// @dev Issues as the grantee without signatures.
    function _issue(Terms memory t) internal returns (bytes32) {
        return _issueAs(t.grantee, t, 0);
    }

    function _issueAs(address sender, Terms memory t, uint256 nonce) internal returns (bytes32) {
        vm.prank(sender);
        return c.permits.issueJobPermit(t, nonce, 0, new bytes[](0));
    }

    function _post(bytes32 permitId) internal {
        vm.prank(operator);
        c.permits.postResult(permitId, RESULT, "cos://result");
    }

    /// @dev Posts and lets the challenge window pass.
    function _postAndAccept(bytes32 permitId) internal {
        _post(permitId);
        vm.warp(c.permits.permitOf(permitId).challengeEnds);
        c.permits.accept(permitId);
    }

    function _signAuthorisation(uint256 key, PermitAuthorisation memory a) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, c.permits.authorisationDigest(a));
        return abi.encodePacked(r, s, v);
    }

    /// @dev The authorisation of `issuer`'s permit with `nonce`.
    function _authorisation(address issuer, Terms memory t, uint256 nonce, uint64 deadline)
        internal
        view
        returns (PermitAuthorisation memory)
    {
        bytes32 termsHash = c.permits.termsHashOf(t);
        return PermitAuthorisation({
            permitId: c.permits.permitIdOf(issuer, nonce, termsHash),
            grantee: t.grantee,
            termsHash: termsHash,
            nonce: nonce,
            deadline: deadline
        });
    }

    function _one(bytes memory signature) internal pure returns (bytes[] memory list) {
        list = new bytes[](1);
        list[0] = signature;
    }

    function _controlled() internal pure returns (ReleaseClass) {
        return ReleaseClass.Controlled;
    }

    function _balance(address who) internal view returns (uint256) {
        return c.settlement.balanceOf(address(c.credits), who);
    }

    function _assertState(bytes32 permitId, PermitState state) internal view {
        vm.assertEq(uint256(c.permits.stateOf(permitId)), uint256(state), "permit state");
    }

    function _assertReason(Reason actual, Reason expected) internal pure {
        vm.assertEq(uint256(actual), uint256(expected), "reason");
    }

    function _missingRole(address account, bytes32 role) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IAuthority.Authority_MissingRole.selector, account, role);
    }

    function _bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        return low + value % (high - low + 1);
    }
}
