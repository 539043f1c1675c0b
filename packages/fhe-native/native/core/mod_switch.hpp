// Drops the last prime of a ciphertext, as SEAL's mod_switch_to_next does for BGV.
#pragma once
#include "ntt.hpp"
#include "ring.hpp"

namespace fhe {

class ModSwitch {
 public:
  // Nothing when there is no prime to drop, or a prime has no transform. t: the plaintext modulus, prime, below every q.
  static std::optional<ModSwitch> make(std::shared_ptr<const Ring> ring, u64 plain_modulus);

  // Packed residues under all primes to packed residues under all but the last; `out` holds out_bytes(degree).
  // The message is multiplied by the inverse of the dropped prime modulo t.
  Fault run(const u8* packed, std::size_t bytes, unsigned degree, u8* out) const;
  std::size_t out_bytes(unsigned degree) const;

 private:
  ModSwitch(std::shared_ptr<const Ring> ring, u64 plain_modulus, std::vector<Ntt> ntts)
      : ring_(std::move(ring)), plain_(plain_modulus), ntts_(std::move(ntts)) {}

  std::shared_ptr<const Ring> ring_;
  Modulus plain_;
  std::vector<Ntt> ntts_;  // one for each prime
};

}  // namespace fhe
