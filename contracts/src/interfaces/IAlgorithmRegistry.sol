// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @notice Approval of a program. Only `Approved` ones take new permits; `Revoked` is final.
enum AlgorithmState {
    None,
    Proposed,
    Approved,
    Deprecated,
    Revoked
}

/// @notice A program. `fee` per permit goes to `author`, in `feeToken` (0 when the fee is 0).
struct Algorithm {
    address author;
    AlgorithmState state;
    address feeToken;
    uint128 fee;
    string uri;
}

/// @title IAlgorithmRegistry
/// @notice Programs by commitment: `algorithmId` is keccak256 of the program's canonical JSON.
interface IAlgorithmRegistry {
    /// @notice The identifier is taken.
    error AlgorithmRegistry_AlreadyRegistered(bytes32 algorithmId, address author);
    /// @notice No such program.
    error AlgorithmRegistry_Unknown(bytes32 algorithmId);
    /// @notice Only the author may do this.
    error AlgorithmRegistry_NotAuthor(bytes32 algorithmId, address caller);
    /// @notice The state does not lead there.
    error AlgorithmRegistry_BadTransition(bytes32 algorithmId, AlgorithmState from, AlgorithmState to);
    /// @notice A fee needs a token, and no fee needs none.
    error AlgorithmRegistry_BadFee(address feeToken, uint128 fee);
    /// @notice The identifier must not be zero.
    error AlgorithmRegistry_ZeroId();

    /// @notice A program was proposed.
    event AlgorithmRegistered(
        bytes32 indexed algorithmId, address indexed author, address feeToken, uint128 fee, string uri
    );
    /// @notice A curator changed the state. `None` means that a proposal was removed and may be made anew.
    event AlgorithmStateChanged(bytes32 indexed algorithmId, AlgorithmState state);
    /// @notice The author changed the fee of permits to come.
    event AlgorithmFeeChanged(bytes32 indexed algorithmId, address feeToken, uint128 fee);

    /// @notice Proposes a program; the caller is its author.
    function register(bytes32 algorithmId, address feeToken, uint128 fee, string calldata uri) external;

    /// @notice Changes the fee of permits to come. Requires the author.
    function setFee(bytes32 algorithmId, address feeToken, uint128 fee) external;

    /// @notice Changes the state. Requires the CURATOR role. Proposed to Approved, None or Revoked; Approved to
    /// Deprecated or Revoked; Deprecated to Approved or Revoked. `None` removes a proposal, such as a stranger's
    /// claim to another's program.
    function setState(bytes32 algorithmId, AlgorithmState state) external;

    /// @notice The program. Reverts if unknown.
    function algorithmOf(bytes32 algorithmId) external view returns (Algorithm memory);

    /// @notice The state, `None` if unknown.
    function stateOf(bytes32 algorithmId) external view returns (AlgorithmState);
}
