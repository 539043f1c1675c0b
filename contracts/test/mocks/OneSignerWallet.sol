// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A contract wallet (EIP-1271) with one signer, as an institution would use.
contract OneSignerWallet is IERC1271, IERC721Receiver {
    address private immutable _signer;

    constructor(address signer) {
        _signer = signer;
    }

    function call(address target, bytes calldata data) external returns (bytes memory) {
        require(msg.sender == _signer, "not the signer");
        (bool ok, bytes memory answer) = target.call(data);
        require(ok, "the call failed");
        return answer;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecover(hash, signature);
        bool good = problem == ECDSA.RecoverError.NoError && recovered == _signer;
        return good ? IERC1271.isValidSignature.selector : bytes4(0);
    }

    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        return IERC721Receiver.onERC721Received.selector;
    }
}
