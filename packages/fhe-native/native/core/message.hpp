// What encryption does that needs no key: it brings messages into the form of ciphertexts, and expands masks.
#pragma once
#include "ntt.hpp"
#include "ring.hpp"

namespace fhe {

// Messages of plaintext modulus t to residues in NTT form, as SEAL's Evaluator::transform_to_ntt: coefficients of
// (t + 1) / 2 and more stand for negative ones.
class MessageTransform {
 public:
  // Nothing where a prime has no transform. t: odd, below every prime.
  static std::optional<MessageTransform> make(std::shared_ptr<const Ring> ring, u64 plain_modulus);

  // At most n coefficients, whole numbers below t; the others are zero. `out` holds out_words(). After a fault it holds
  // nothing of the message. T: u32 or double.
  template <typename T>
  Fault run(const T* coefficients, std::size_t count, u64* out) const;
  std::size_t out_words() const { return ring_->n * ring_->primes.size(); }

 private:
  MessageTransform(std::shared_ptr<const Ring> ring, u64 plain_modulus, std::vector<Ntt> ntts)
      : ring_(std::move(ring)), plain_modulus_(plain_modulus), ntts_(std::move(ntts)) {}

  std::shared_ptr<const Ring> ring_;
  u64 plain_modulus_;
  std::vector<Ntt> ntts_;  // one for each prime
};

// The second polynomial of a fresh ciphertext: n residues for each prime.
Fault expand_mask(const Ring& ring, const u8* seed, u32 stream_index, u32 ciphertext, u64* out);

}  // namespace fhe
