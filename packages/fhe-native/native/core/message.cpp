#include "message.hpp"

#include <algorithm>
#include <type_traits>

namespace fhe {

std::optional<MessageTransform> MessageTransform::make(std::shared_ptr<const Ring> ring, u64 plain_modulus) {
  auto ntts = Ntt::make_all(ring->n, ring->primes, plain_modulus);
  if (!ntts) return std::nullopt;
  return MessageTransform(std::move(ring), plain_modulus, std::move(*ntts));
}

template <typename T>
Fault MessageTransform::run(const T* coefficients, std::size_t count, u64* out) const {
  const std::size_t n = ring_->n;
  if (count > n) return Fault::size;
  using Wide = std::conditional_t<std::is_same_v<T, double>, double, u64>;
  const Wide limit = static_cast<Wide>(plain_modulus_);
  const u64 negative = (plain_modulus_ + 1) / 2;
  for (std::size_t p = 0; p < ring_->primes.size(); ++p) {
    u64* const x = out + p * n;
    const u64 q = ring_->primes[p].q;
    bool bad = false;
    for (std::size_t i = 0; i < count; ++i) {
      const Wide given = coefficients[i];
      const bool fits = given >= 0 && given < limit;  // neither holds for what is no number
      const u64 value = static_cast<u64>(fits ? given : 0);
      bad |= !fits || static_cast<Wide>(value) != given;
      x[i] = value + (value < negative ? 0 : q - plain_modulus_);
    }
    if (bad) {
      std::fill_n(out, out_words(), 0);
      return Fault::residue;
    }
    std::fill_n(x + count, n - count, 0);
    ntts_[p].forward(*ring_->kernels, x);
  }
  return Fault::none;
}

template Fault MessageTransform::run(const u32*, std::size_t, u64*) const;
template Fault MessageTransform::run(const double*, std::size_t, u64*) const;

Fault expand_mask(const Ring& ring, const u8* seed, u32 stream_index, u32 ciphertext, u64* out) {
  const Cipher* cipher = find_cipher();
  if (cipher == nullptr) return Fault::cipher;
  MaskStream stream(*cipher);
  if (!stream.key(seed)) return Fault::cipher;
  for (std::size_t p = 0; p < ring.primes.size(); ++p)
    if (!stream.start(stream_index, ciphertext, static_cast<u32>(p)) ||
        !stream.next(*ring.kernels, ring.primes[p], out + p * ring.n, ring.n))
      return Fault::cipher;
  return Fault::none;
}

}  // namespace fhe
