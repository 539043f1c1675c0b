// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title IRegionOracle
/// @notice Attested regions of gateways, operators and workers, each with an expiry.
interface IRegionOracle {
    /// @notice An attestation names an account, a region and an expiry in the future.
    error RegionOracle_BadAttestation(address subject, bytes32 regionCode, uint64 expiry);

    /// @notice `subject` was attested to be in `regionCode` until `expiry` (exclusive).
    event RegionAttested(address indexed subject, bytes32 indexed regionCode, uint64 expiry);
    /// @notice Every attestation of `subject` was taken back.
    event RegionRevoked(address indexed subject);

    /// @notice Attests a region. Requires the ORACLE role. Replaces an earlier attestation of the same region; one of
    /// another region stands, since an operator may work in several. An account that moves is revoked first.
    /// @param regionCode Left-aligned ASCII, not zero.
    /// @param expiry First second at which the attestation no longer holds.
    function attest(address subject, bytes32 regionCode, uint64 expiry) external;

    /// @notice Takes every attestation of an account back. Requires the ORACLE role.
    function revoke(address subject) external;

    /// @notice Region and expiry of `subject` as last attested, expired or not.
    function attestationOf(address subject) external view returns (bytes32 regionCode, uint64 expiry);

    /// @notice Whether `subject` is attested to be in `regionCode` at `time`.
    function isIn(address subject, bytes32 regionCode, uint64 time) external view returns (bool);
}
