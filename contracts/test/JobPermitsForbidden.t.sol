// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {PaidPermitScene} from "./base/PaidPermitScene.sol";
import {vm} from "../script/Vm.sol";
import {IJobPermits} from "../src/interfaces/IJobPermits.sol";
import {PermitState, ReleaseClass, Terms} from "../src/types/PermitTypes.sol";

/// @notice Invariant 6: each state against each call. Whatever the time and whether or not the grant still stands, a
/// call that the table does not list for a state reverts with `WrongState` and changes nothing.
contract JobPermitsForbiddenTest is PaidPermitScene {
    enum Call {
        Post,
        Cancel,
        VoidRevoked,
        Expire,
        Fail,
        Challenge,
        Attest,
        Accept,
        RuleFor,
        RuleAgainst,
        TimeOut,
        Release,
        Lapse
    }

    function test_every_state_refuses_every_call_outside_the_table() public {
        uint256 tried = 0;
        for (uint256 s = 0; s <= uint256(type(PermitState).max); ++s) {
            uint256 snapshot = vm.snapshotState();
            _bring(PermitState(s));
            for (uint256 k = 0; k <= uint256(type(Call).max); ++k) {
                if (_listed(PermitState(s), Call(k))) continue;
                _tryEverywhen(PermitState(s), Call(k));
                ++tried;
            }
            vm.revertToState(snapshot);
        }
        // 8 states x 13 calls = 104, less the 13 of the table and the 5 no-op repeats of a posted result
        vm.assertEq(tried, 86);
    }

    function test_no_state_is_issued_again() public {
        Terms memory t = _terms(grantId);
        for (uint256 s = 1; s <= uint256(type(PermitState).max); ++s) {
            uint256 snapshot = vm.snapshotState();
            _bring(PermitState(s));
            vm.warp(START);
            vm.expectRevert(abi.encodeWithSelector(IJobPermits.JobPermits_AlreadyIssued.selector, permitId));
            _issue(t);
            vm.revertToState(snapshot);
        }
    }

    function test_a_posted_result_repeats_as_a_no_op_in_every_later_state() public {
        PermitState[5] memory later = [
            PermitState.Posted,
            PermitState.Challenged,
            PermitState.Accepted,
            PermitState.Released,
            PermitState.Lapsed
        ];
        for (uint256 i = 0; i < later.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            _bring(later[i]);
            _post(permitId);
            _assertState(permitId, later[i]);
            vm.expectRevert();
            vm.prank(operator);
            c.permits.postResult(permitId, "other", "");
            vm.revertToState(snapshot);
        }
    }

    function _tryEverywhen(PermitState state, Call call) private {
        uint256[4] memory times = [block.timestamp, START + 7 * DAY, START + 9 * DAY, START + 60 * DAY];
        bytes32 id = _idIn(state);
        (address sender, bytes memory data) = _encode(call, id);
        for (uint256 revoked = 0; revoked < 2; ++revoked) {
            uint256 snapshot = vm.snapshotState();
            if (revoked == 1) {
                vm.prank(owner);
                c.acl.revoke(grantId);
            }
            for (uint256 i = 0; i < times.length; ++i) {
                vm.warp(times[i]);
                vm.prank(sender);
                (bool ok, bytes memory answer) = address(c.permits).call(data);
                vm.assertFalse(ok, "a forbidden call went through");
                vm.assertEq(bytes32(bytes4(answer)), bytes32(IJobPermits.JobPermits_WrongState.selector));
                _assertState(id, state);
            }
            vm.revertToState(snapshot);
        }
    }

    /// @dev The table of IJobPermits, and repeats of a posted result.
    function _listed(PermitState s, Call k) private pure returns (bool) {
        if (s == PermitState.Issued) return k <= Call.Fail;
        if (s == PermitState.Posted) {
            return k == Call.Challenge || k == Call.Attest || k == Call.Accept || k == Call.Post;
        }
        if (s == PermitState.Challenged) {
            return k == Call.RuleFor || k == Call.RuleAgainst || k == Call.TimeOut || k == Call.Post;
        }
        if (s == PermitState.Accepted) return k == Call.Release || k == Call.Lapse || k == Call.Post;
        if (s == PermitState.Released || s == PermitState.Lapsed) return k == Call.Post;
        return false;
    }

    function _bring(PermitState s) private {
        if (s == PermitState.None || s == PermitState.Issued) return;
        if (s == PermitState.Refunded) {
            vm.prank(grantee);
            c.permits.cancel(permitId);
        } else if (s == PermitState.Posted) {
            _post(permitId);
        } else if (s == PermitState.Challenged) {
            _post(permitId);
            vm.prank(grantee);
            c.permits.challenge(permitId, "why");
        } else {
            _postAndAccept(permitId);
            if (s == PermitState.Released) {
                vm.prank(owner);
                c.permits.release(permitId, datasetId, RELEASE, ReleaseClass.Controlled);
            } else if (s == PermitState.Lapsed) {
                vm.warp(c.permits.permitOf(permitId).releaseBy);
                c.permits.lapse(permitId);
            }
        }
        _assertState(permitId, s);
    }

    function _idIn(PermitState s) private view returns (bytes32) {
        return s == PermitState.None ? bytes32("nothing") : permitId;
    }

    function _encode(Call k, bytes32 id) private view returns (address, bytes memory) {
        IJobPermits p = c.permits;
        if (k == Call.Post) return (operator, abi.encodeCall(p.postResult, (id, RESULT, "")));
        if (k == Call.Cancel) return (grantee, abi.encodeCall(p.cancel, (id)));
        if (k == Call.VoidRevoked) return (stranger, abi.encodeCall(p.voidRevoked, (id)));
        if (k == Call.Expire) return (stranger, abi.encodeCall(p.expire, (id)));
        if (k == Call.Fail) return (operator, abi.encodeCall(p.fail, (id, bytes32("x"))));
        if (k == Call.Challenge) return (grantee, abi.encodeCall(p.challenge, (id, bytes32("why"))));
        if (k == Call.Attest) return (worker, abi.encodeCall(p.attestReplica, (id, RESULT)));
        if (k == Call.Accept) return (stranger, abi.encodeCall(p.accept, (id)));
        if (k == Call.RuleFor) return (arbiter, abi.encodeCall(p.rule, (id, true)));
        if (k == Call.RuleAgainst) return (arbiter, abi.encodeCall(p.rule, (id, false)));
        if (k == Call.TimeOut) return (stranger, abi.encodeCall(p.timeOutRuling, (id)));
        if (k == Call.Release) {
            return (owner, abi.encodeCall(p.release, (id, datasetId, RELEASE, ReleaseClass.Controlled)));
        }
        return (stranger, abi.encodeCall(p.lapse, (id)));
    }
}
