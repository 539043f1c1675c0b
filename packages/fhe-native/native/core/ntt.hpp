// Negacyclic number-theoretic transform in SEAL's order: word i holds the value at psi^(2 * bitreverse(i) + 1), psi the
// smallest primitive 2n-th root of unity.
// Source: Longa, Naehrig, "Speeding up the number theoretic transform" (2016), algorithms 1 and 2; SEAL 4.1 util/ntt.
#pragma once
#include <optional>
#include <vector>

#include "kernels.hpp"

namespace fhe {

class Ntt {
 public:
  // One for each prime; nothing where a prime has none, or the plaintext modulus is not odd, 3 or more and below every prime.
  static std::optional<std::vector<Ntt>> make_all(std::size_t n, const std::vector<Modulus>& primes, u64 plain_modulus);
  // Nothing unless q is prime and 1 modulo 2n.
  static std::optional<Ntt> make(std::size_t n, const Modulus& modulus);
  void forward(const Kernels& kernels, u64* x) const;
  void inverse(u64* x) const;

 private:
  struct Root {
    u64 value, shoup;
  };
  struct Table {
    std::vector<u64> values, shoup64, shoup52;
  };
  Ntt(std::size_t n, const Modulus& modulus, u64 psi);

  std::size_t n_;
  Modulus modulus_;
  Root n_inverse_;
  Table roots_;
  std::vector<Root> inverse_roots_;
};

}  // namespace fhe
