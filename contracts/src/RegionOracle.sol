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

    mapping(address subject => Attestation) private _attestations;

    constructor(IAuthority authority_) Guarded(authority_) {}

    /// @inheritdoc IRegionOracle
    function attest(address subject, bytes32 regionCode, uint64 expiry) external override onlyRole(Roles.ORACLE) {
        if (subject == address(0) || regionCode == 0 || expiry <= block.timestamp) {
            revert RegionOracle_BadAttestation(subject, regionCode, expiry);
        }
        _attestations[subject] = Attestation({regionCode: regionCode, expiry: expiry});
        emit RegionAttested(subject, regionCode, expiry);
    }

    /// @inheritdoc IRegionOracle
    function revoke(address subject) external override onlyRole(Roles.ORACLE) {
        delete _attestations[subject];
        emit RegionRevoked(subject);
    }

    /// @inheritdoc IRegionOracle
    function attestationOf(address subject) external view override returns (bytes32 regionCode, uint64 expiry) {
        Attestation memory found = _attestations[subject];
        return (found.regionCode, found.expiry);
    }

    /// @inheritdoc IRegionOracle
    function isIn(address subject, bytes32 regionCode, uint64 time) external view override returns (bool) {
        Attestation memory found = _attestations[subject];
        return regionCode != 0 && found.regionCode == regionCode && time < found.expiry;
    }
}
