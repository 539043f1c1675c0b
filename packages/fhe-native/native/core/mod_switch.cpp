#include "mod_switch.hpp"

namespace fhe {

std::optional<ModSwitch> ModSwitch::make(std::shared_ptr<const Ring> ring, u64 plain_modulus) {
  auto ntts = ring->primes.size() < 2 ? std::nullopt : Ntt::make_all(ring->n, ring->primes, plain_modulus);
  if (!ntts) return std::nullopt;
  return ModSwitch(std::move(ring), plain_modulus, std::move(*ntts));
}

std::size_t ModSwitch::out_bytes(unsigned degree) const {
  std::size_t bytes = 0;
  for (std::size_t p = 0; p + 1 < ring_->primes.size(); ++p) bytes += ring_->n * ring_->primes[p].bits / 8;
  return (degree + 1) * bytes;
}

// c_i becomes (c_i - c_last - d * q_last) / q_last modulo q_i, with d = -c_last / q_last modulo t, 0 <= d < t: what is
// taken off is a multiple of t and makes the division exact.
// Source: SEAL 4.1, util/rns.cpp, RNSTool::mod_t_and_divide_q_last_ntt_inplace
Fault ModSwitch::run(const u8* packed, std::size_t bytes, unsigned degree, u8* out) const {
  std::optional<Batch> loaded;
  if (bytes != ring_->packed_bytes(degree)) return Fault::size;
  const Fault fault = load(ring_, packed, bytes, degree, loaded);
  if (fault != Fault::none) return fault;
  const std::size_t n = ring_->n, last = ring_->primes.size() - 1;
  const u64 q_last = ring_->primes[last].q;
  const u64 inverse_mod_t = plain_.inverse(plain_.reduce(q_last));
  std::vector<u64> d(n), delta(n);
  for (std::size_t k = 0; k <= degree; ++k) {
    u64* c_last = loaded->polynomial(0, k, last);
    ntts_[last].inverse(c_last);
    for (std::size_t i = 0; i < n; ++i) {
      const u64 residue = plain_.reduce(c_last[i]);
      d[i] = plain_.multiply(residue == 0 ? 0 : plain_.q - residue, inverse_mod_t);
    }
    for (std::size_t p = 0; p < last; ++p) {
      const Modulus& prime = ring_->primes[p];
      const u64 q_last_mod = prime.reduce(q_last), inverse = prime.inverse(q_last_mod);
      for (std::size_t i = 0; i < n; ++i)
        delta[i] = prime.reduce(static_cast<u128>(d[i]) * q_last_mod + prime.reduce(c_last[i]));
      ntts_[p].forward(*ring_->kernels, delta.data());
      u64* c = loaded->polynomial(0, k, p);
      for (std::size_t i = 0; i < n; ++i)
        c[i] = prime.multiply(c[i] >= delta[i] ? c[i] - delta[i] : c[i] + prime.q - delta[i], inverse);
      ring_->kernels->pack(c, out, n, prime.bits);
      out += n * prime.bits / 8;
    }
  }
  return Fault::none;
}

}  // namespace fhe
