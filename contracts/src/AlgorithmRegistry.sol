// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Guarded} from "./Guarded.sol";
import {Algorithm, AlgorithmState, IAlgorithmRegistry} from "./interfaces/IAlgorithmRegistry.sol";
import {IAuthority} from "./interfaces/IAuthority.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title AlgorithmRegistry
/// @notice See {IAlgorithmRegistry}.
contract AlgorithmRegistry is IAlgorithmRegistry, Guarded {
    mapping(bytes32 algorithmId => Algorithm) private _algorithms;

    constructor(IAuthority authority_) Guarded(authority_) {}

    /// @inheritdoc IAlgorithmRegistry
    function register(bytes32 algorithmId, address feeToken, uint128 fee, string calldata uri) external override {
        // Check
        if (algorithmId == 0) revert AlgorithmRegistry_ZeroId();
        Algorithm storage algorithm = _algorithms[algorithmId];
        if (algorithm.state != AlgorithmState.None) {
            revert AlgorithmRegistry_AlreadyRegistered(algorithmId, algorithm.author);
        }
        _checkFee(feeToken, fee);

        // Effect
        _algorithms[algorithmId] = Algorithm({
            author: msg.sender, state: AlgorithmState.Proposed, feeToken: feeToken, fee: fee, uri: uri
        });
        emit AlgorithmRegistered(algorithmId, msg.sender, feeToken, fee, uri);
    }

    /// @inheritdoc IAlgorithmRegistry
    function setFee(bytes32 algorithmId, address feeToken, uint128 fee) external override {
        Algorithm storage algorithm = _algorithms[algorithmId];
        if (algorithm.author != msg.sender) revert AlgorithmRegistry_NotAuthor(algorithmId, msg.sender);
        _checkFee(feeToken, fee);

        algorithm.feeToken = feeToken;
        algorithm.fee = fee;
        emit AlgorithmFeeChanged(algorithmId, feeToken, fee);
    }

    /// @inheritdoc IAlgorithmRegistry
    function setState(bytes32 algorithmId, AlgorithmState state) external override onlyRole(Roles.CURATOR) {
        AlgorithmState from = _algorithms[algorithmId].state;

        // Check
        if (from == AlgorithmState.None) revert AlgorithmRegistry_Unknown(algorithmId);
        if (!_leadsTo(from, state)) revert AlgorithmRegistry_BadTransition(algorithmId, from, state);

        // Effect
        if (state == AlgorithmState.None) delete _algorithms[algorithmId];
        else _algorithms[algorithmId].state = state;
        emit AlgorithmStateChanged(algorithmId, state);
    }

    /// @inheritdoc IAlgorithmRegistry
    function algorithmOf(bytes32 algorithmId) external view override returns (Algorithm memory) {
        if (_algorithms[algorithmId].state == AlgorithmState.None) revert AlgorithmRegistry_Unknown(algorithmId);
        return _algorithms[algorithmId];
    }

    /// @inheritdoc IAlgorithmRegistry
    function stateOf(bytes32 algorithmId) external view override returns (AlgorithmState) {
        return _algorithms[algorithmId].state;
    }

    function _leadsTo(AlgorithmState from, AlgorithmState to) private pure returns (bool) {
        if (from == AlgorithmState.Proposed) {
            return to == AlgorithmState.Approved || to == AlgorithmState.None || to == AlgorithmState.Revoked;
        }
        if (from == AlgorithmState.Approved) {
            return to == AlgorithmState.Deprecated || to == AlgorithmState.Revoked;
        }
        if (from == AlgorithmState.Deprecated) {
            return to == AlgorithmState.Approved || to == AlgorithmState.Revoked;
        }
        return false;
    }

    function _checkFee(address feeToken, uint128 fee) private pure {
        if ((feeToken == address(0)) != (fee == 0)) revert AlgorithmRegistry_BadFee(feeToken, fee);
    }
}
