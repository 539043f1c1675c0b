// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Guarded} from "./Guarded.sol";
import {IAuthority} from "./interfaces/IAuthority.sol";
import {IRegionOracle} from "./interfaces/IRegionOracle.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title RegionOracle
/// @notice See {IRegionOracle}.
contract RegionOracle is IRegionOracle, Guarded {
    struct Attestation {
        bytes32 regionCode;
        uint64 expiry;
    }

    mapping(address subject => Attestation) private _last;
    /// @dev Revoking begins a new epoch, in which nothing is attested.
    mapping(address subject => uint256) private _epochs;
    mapping(address subject => mapping(uint256 epoch => mapping(bytes32 regionCode => uint64))) private _expiries;

    constructor(IAuthority authority_) Guarded(authority_) {}

    /// @inheritdoc IRegionOracle
    function attest(address subject, bytes32 regionCode, uint64 expiry) external override onlyRole(Roles.ORACLE) {
        if (subject == address(0) || regionCode == 0 || expiry <= block.timestamp) {
            revert RegionOracle_BadAttestation(subject, regionCode, expiry);
        }
        _last[subject] = Attestation({regionCode: regionCode, expiry: expiry});
        _expiries[subject][_epochs[subject]][regionCode] = expiry;
        emit RegionAttested(subject, regionCode, expiry);
    }

    /// @inheritdoc IRegionOracle
    function revoke(address subject) external override onlyRole(Roles.ORACLE) {
        delete _last[subject];
        _epochs[subject]++;
        emit RegionRevoked(subject);
    }

    /// @inheritdoc IRegionOracle
    function attestationOf(address subject) external view override returns (bytes32 regionCode, uint64 expiry) {
        Attestation memory found = _last[subject];
        return (found.regionCode, found.expiry);
    }

    /// @inheritdoc IRegionOracle
    function isIn(address subject, bytes32 regionCode, uint64 time) external view override returns (bool) {
        return regionCode != 0 && time < _expiries[subject][_epochs[subject]][regionCode];
    }
}
